//! The protocol holds no place for text about a client, and says what every field means.

use std::collections::BTreeSet;

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

/// Fields of a message, those of messages within it included, as `name` and type.
fn leaves(
    set: &FileDescriptorSet,
    of: &str,
    into: &mut BTreeSet<String>,
    seen: &mut BTreeSet<String>,
) {
    if !seen.insert(of.to_owned()) {
        return;
    }
    let named = |message: &&DescriptorProto| of.rsplit('.').next() == Some(message.name());
    let message = set.file.iter().flat_map(|file| &file.message_type).find(named);
    for field in &message.expect("a message of the protocol").field {
        match field.r#type() {
            Type::Message => leaves(set, field.type_name(), into, seen),
            _ => drop(into.insert(field.name().to_owned())),
        }
    }
}

/// What can be asked with, apart from the rows that a partner hands in: which round, submission,
/// entry or checkpoint, and which closed question.
const ASKED: &str = "batches by cosignature from index key_check_value manifest_toml measure new_size \
                     old_size reason records round_id schema_toml size submission_id to witness";

/// What is answered to the one call that takes rows: that a batch is kept, and where that stands.
const ACKNOWLEDGED: &str = "ledger_index number";

/// What belongs to one person in the rows that are handed in.
const OF_A_PERSON: &str = "codes encodings end match_keys start";

#[test]
fn no_call_can_ask_about_one_person() {
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let set = descriptors();
    let mut asked = BTreeSet::new();
    let mut calls = 0;
    for method in set.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method)
    {
        calls += 1;
        let fields = |of: &str| {
            let mut found = BTreeSet::new();
            leaves(&set, of, &mut found, &mut BTreeSet::new());
            found
        };
        let (input, output) = (fields(method.input_type()), fields(method.output_type()));
        if method.name() == "UploadBatches" {
            assert_eq!(output, words(ACKNOWLEDGED), "what an upload learns");
            assert!(words(OF_A_PERSON).is_subset(&input), "the test looks at rows: {input:?}");
            continue;
        }
        // `codes` in answers are the public lists of a release, text and not a person's.
        for field in ["encodings", "match_keys"] {
            assert!(
                !input.contains(field) && !output.contains(field),
                "{}: {field}",
                method.name()
            );
        }
        asked.extend(input);
    }
    assert_eq!(calls, 24, "a new call is looked at here");
    // A field that is not listed may be a way to name a person: say here why it is none.
    assert_eq!(asked, words(ASKED));
}

/// A question's words are code lists' names, which are the schema's; every other text in what can be
/// asked is a document of the coordinator's.
#[test]
fn the_only_text_in_a_question_is_the_name_of_a_code_list() {
    let set = descriptors();
    let inputs: BTreeSet<&str> = set
        .file
        .iter()
        .flat_map(|file| &file.service)
        .flat_map(|service| &service.method)
        .filter_map(|method| method.input_type().rsplit('.').next())
        .collect();
    let messages = set.file.iter().flat_map(|file| &file.message_type);
    let found: Vec<_> =
        messages.filter(|message| inputs.contains(message.name())).flat_map(strings).collect();
    assert_eq!(found, ["QueryTableRequest.by", "EstimatePopulationRequest.by"]);
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
