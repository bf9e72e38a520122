//! Generates the protobuf types with pure-Rust tools: no protoc on the machine.

use std::env;
use std::path::PathBuf;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let files = ["round", "submission", "release", "ledger", "store"]
        .map(|name| format!("samenloop/v1/{name}.proto"));
    let descriptors = protox::compile(files, [&root])?;
    let out = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.bin");
    std::fs::write(out, descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .bytes(".")
        .extern_path(".samenloop.v1.Batch", "crate::batch::Batch")
        .codec_path("crate::strict::StrictCodec")
        .compile_fds(descriptors)?;
    Ok(())
}
