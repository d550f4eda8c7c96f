//! The bytes of HTTP/1.1 heads and bodies, read strictly in front of hyper. Pure.
