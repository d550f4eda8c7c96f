//! The picture as one page to search in.
