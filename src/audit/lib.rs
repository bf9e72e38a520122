//! What an auditor runs: fetch, re-check with a verifier of its own, inspect, report.
