//! The program: everything put together and started.
