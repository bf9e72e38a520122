//! The linkage service: ingest, store, runs, releases, roles.
