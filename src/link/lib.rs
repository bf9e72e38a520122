//! Candidates, comparison, match weights, clusters and linkage uncertainty, over pseudonyms only.
