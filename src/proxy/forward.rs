//! A permitted request on its way to the upstream and back: bodies, trailers, upgrades.
