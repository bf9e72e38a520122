//! What the service reads of others: certificates, round documents, its configuration, its releases.

use samenloop_disclose::Release;
use samenloop_schema::{Digest, LinkageSchema, RoundManifest};
use samenloop_service::Config;
use samenloop_service::identity::{Caller, uri};
use samenloop_wire::client::ClientConfig;

use super::{halves, with_file};

/// An identity that is accepted has one way of being written.
pub fn certificate(bytes: &[u8]) {
    if let Ok(caller) = Caller::from_certificate(bytes) {
        let uri = uri(caller.role.as_str(), &caller.name);
        assert!(bytes.windows(uri.len()).any(|window| window == uri.as_bytes()));
    }
}

/// The service's and the clients' configuration files.
pub fn configuration(bytes: &[u8]) {
    with_file(bytes, |path| {
        let _ = Config::read(path);
        let _ = ClientConfig::read(path);
    });
}

/// Stored releases. Their digest at the end would keep a fuzzer out, so it is written here.
pub fn release(bytes: &[u8]) {
    let digest = Digest::of_parts("samenloop/v1/release", &[bytes]);
    let whole = [bytes, digest.as_bytes()].concat();
    for bytes in [bytes, &whole] {
        if let Ok(release) = Release::from_bytes(bytes) {
            assert_eq!(release.to_bytes(), bytes);
        }
    }
}

/// A schema that is accepted says what it says when it is written again.
pub fn schema(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(schema) = LinkageSchema::from_toml(text) else { return };
    let again = LinkageSchema::from_toml(&schema.to_toml()).expect("what is written can be read");
    assert_eq!(again.hash(), schema.hash());
    assert!(schema.shape().encodings.iter().all(|shape| shape.min_ones <= shape.max_ones));
}

/// A manifest, with a schema behind a NUL that it may fit.
pub fn manifest(bytes: &[u8]) {
    let (manifest, schema) = halves(bytes);
    let Ok(text) = std::str::from_utf8(manifest) else { return };
    let Ok(manifest) = RoundManifest::from_toml(text) else { return };
    manifest.policy.check_floor().expect("no policy under the floor is accepted");
    let (types, of_party) = manifest.source_types();
    assert!(of_party.iter().all(|kind| usize::from(*kind) < types.len()));
    let schema = std::str::from_utf8(schema).ok();
    let _ = schema.and_then(|text| LinkageSchema::from_toml(text).ok());
}
