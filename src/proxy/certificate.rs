//! Client certificates: whether an authority's, and whose.
