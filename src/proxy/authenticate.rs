//! Who is calling: a client certificate, an ID token, a TokenReview, in this order.
