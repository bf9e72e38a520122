//! A person's fields to encodings and match keys, under a key that never leaves the partners.
