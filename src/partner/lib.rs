//! What a partner organisation runs: read, check, encode, submit.
