//! The protocol holds no place for text about a client, and says what every field means.

use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

use crate::{files, read};

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(samenloop_wire::DESCRIPTORS).expect("the wire room's descriptors")
}

fn strings(message: &DescriptorProto) -> Vec<String> {
    let own = message.field.iter().filter(|field| field.r#type() == Type::String);
    own.map(|field| format!("{}.{}", message.name(), field.name()))
        .chain(message.nested_type.iter().flat_map(strings))
        .collect()
}

#[test]
fn nothing_that_a_partner_submits_or_the_store_keeps_is_text() {
    for name in ["submission", "store", "ledger", "round"] {
        let set = descriptors();
        let path = format!("samenloop/v1/{name}.proto");
        let file =
            set.file.iter().find(|file| file.name() == path).expect("a file of the protocol");
        assert!(!file.message_type.is_empty());
        let found: Vec<_> = file.message_type.iter().flat_map(strings).collect();
        assert_eq!(found, Vec::<String>::new(), "{name}.proto");
    }
}

#[test]
fn the_string_finder_finds_strings() {
    let set = descriptors();
    let release = set.file.iter().find(|file| file.name().ends_with("release.proto"));
    let found: Vec<_> =
        release.expect("release.proto").message_type.iter().flat_map(strings).collect();
    assert!(found.contains(&"GetReleaseResponse.purpose".to_owned()), "{found:?}");
}

#[test]
fn every_message_field_and_call_is_explained() {
    for path in files("proto", &[".proto"]) {
        let text = read(&path);
        let mut before = "";
        for line in text.lines().map(str::trim) {
            let declares =
                ["message ", "service ", "enum ", "rpc "].iter().any(|word| line.starts_with(word))
                    || (line.ends_with(';') && line.contains(" = ") && !line.starts_with("syntax"));
            assert!(!declares || before.starts_with("//"), "{}: {line}", path.display());
            before = line;
        }
    }
}
