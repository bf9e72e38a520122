//! Tables, cell keys, thresholds and releases: the only door through which a number leaves.
