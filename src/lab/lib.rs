//! Evaluation, attacks, benchmarks and the demo, on synthetic data only; never deployed.
