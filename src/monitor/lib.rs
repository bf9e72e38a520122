//! What the monitor runs: query released tables and show them.
