//! A request's target in one spelling: what is matched is what is forwarded. Pure.
