//! What a request would cause, said without asking anybody. Pure.
