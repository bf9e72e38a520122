//! The seeded corpus that every bench measures.
