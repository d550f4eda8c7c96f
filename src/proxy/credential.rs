//! What a request shows of who sends it: pure, from its headers.
