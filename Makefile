.PHONY: ci test fmt lint demo
ci: ; bash .ci/run
test: ; cargo test --workspace
fmt: ; cargo fmt --all
lint: ; cargo clippy --workspace --all-targets -- -D warnings
demo: ; cargo run --release --bin demo
