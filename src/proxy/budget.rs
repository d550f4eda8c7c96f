//! How many questions are asked for those who are not known yet: for each peer, and for all.
