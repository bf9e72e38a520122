//! clkhash's linkage schemas, versions 1, 2 and 3, as clkhash 0.18.3 takes them: what its published
//! JSON Schemas allow and its conversion to version 3 keeps.

use serde_json::Value;

use super::document::{Node, SchemaFault};
use super::python;

type Result<T> = std::result::Result<T, SchemaFault>;

/// Bits of a filter before folding, at most; 2 MiB for one record is a slip of the pen.
const MOST_BITS: i64 = 1 << 24;
/// Insertions of a token or feature, at most.
const MOST_INSERTIONS: i64 = 1 << 20;
/// Letters in an n-gram, at most.
const MOST_LETTERS: i64 = 1 << 12;

/// How records become CLKs.
#[derive(Debug)]
pub struct Linkage {
    /// Bits of a CLK.
    pub bits: usize,
    /// How often the filter is folded in half; it has `bits` × 2^`folds` bits before.
    pub folds: u32,
    /// How keys are derived.
    pub kdf: Kdf,
    /// One per column.
    pub features: Vec<Feature>,
    /// What clkhash ignores without a word.
    pub remarks: Vec<String>,
}

/// HKDF (RFC 5869).
#[derive(Debug)]
pub struct Kdf {
    /// SHA-512 rather than SHA-256.
    pub sha512: bool,
    /// None is as many zeros as the hash has bytes.
    pub salt: Option<Vec<u8>>,
    /// Empty if not given.
    pub info: Vec<u8>,
    /// Bytes of each key.
    pub key_len: usize,
}

/// A column.
#[derive(Debug)]
pub struct Feature {
    /// Its header.
    pub identifier: String,
    /// Its place in the schema.
    pub place: String,
    /// None if it is ignored.
    pub hashing: Option<Hashing>,
}

/// How a column is hashed.
#[derive(Debug)]
pub struct Hashing {
    /// What a value looks like.
    pub format: Format,
    /// Of each token.
    pub encoding: Encoding,
    /// What a token is.
    pub comparison: Comparison,
    /// Bits that tokens set.
    pub strategy: Strategy,
    /// Which bits.
    pub hash: Hash,
    /// Sentinel and what stands for it.
    pub missing: Option<(String, String)>,
}

/// What a value looks like.
#[derive(Debug)]
pub enum Format {
    /// Any text.
    Text { upper: bool, lower: bool, min_len: Option<usize>, max_len: Option<usize> },
    /// Text that a Python regular expression matches whole.
    Pattern(String),
    /// A whole number.
    Integer { minimum: Option<i64>, maximum: Option<i64> },
    /// A date by a format of `strptime`.
    Date(String),
    /// One of these.
    Enum(Vec<String>),
}

/// Python's name of how text becomes bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `ascii`
    Ascii,
    /// `utf-8`
    Utf8,
    /// `utf-16`: each token with its byte-order mark, little-endian
    Utf16,
    /// `utf-32`: likewise
    Utf32,
}

/// What a token is.
#[derive(Debug)]
pub enum Comparison {
    /// `n` letters one after another.
    Ngram { n: usize, positional: bool },
    /// The whole value.
    Exact,
    /// The neighbourhood of a number. The distance keeps its JSON form: a whole number is exact.
    Numeric { distance: serde_json::Number, resolution: u32, precision: u32 },
}

/// How many bits tokens set.
#[derive(Debug, Clone, Copy)]
pub enum Strategy {
    /// Each as many.
    PerToken(usize),
    /// All together as many.
    PerFeature(usize),
}

/// Which bits tokens set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1 and MD5; with the fix no token sets one bit only.
    Double { fixed: bool },
    /// BLAKE2b.
    Blake,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Version {
    V1,
    V2,
    V3,
}

impl Linkage {
    /// Reads a schema; the fault is the first that is met.
    pub fn read(document: &Value) -> Result<Self> {
        let root = Node::root(document).object()?;
        let version = root.need("version")?;
        let version = match version.raw().as_f64() {
            Some(1.0) => Version::V1,
            Some(2.0) => Version::V2,
            Some(3.0) => Version::V3,
            _ => return version.fault("must be 1, 2 or 3; clkhash 0.18.3 knows no other"),
        };
        let config = root.need("clkConfig")?.object()?;
        let bits = config.need("l")?.whole(1, MOST_BITS, false)?;
        let kdf = kdf(&config.need("kdf")?.object()?)?;
        let mut remarks = vec![];
        if config.maybe("xorFolds", |node| node.whole(0, i64::MAX, true))?.is_some_and(|n| n > 0) {
            remarks.push(
                "clkConfig.xorFolds is ignored, as clkhash does; what folds is xor_folds".into(),
            );
        }
        let folds = config.maybe("xor_folds", |node| match node.raw() {
            Value::Bool(flag) => Ok(i64::from(*flag)),
            _ => node.whole(0, 24, false),
        })?;
        let folds = folds.unwrap_or(0) as u32;
        if bits << folds > MOST_BITS {
            return config.fault(format!("has more than {MOST_BITS} bits before folding"));
        }
        let of_all = match version {
            Version::V1 => Some((
                config.need("k")?.whole(1, MOST_INSERTIONS, false)?,
                hash(&config.need("hash")?)?,
            )),
            _ => None,
        };
        let features = root.need("features")?.items()?;
        let features: Vec<_> =
            features.iter().map(|node| feature(node, version, of_all)).collect::<Result<_>>()?;
        if features.is_empty() {
            return root.fault("needs at least one feature");
        }
        Ok(Self { bits: bits as usize, folds, kdf, features, remarks })
    }
}

fn kdf(node: &Node) -> Result<Kdf> {
    node.need("type")?.one_of(&["HKDF"])?;
    let bytes = |node: &Node| match python::b64decode(node.text()?) {
        Ok(bytes) => Ok(bytes),
        Err(rule) => node.fault(rule),
    };
    Ok(Kdf {
        sha512: node.maybe("hash", |node| node.one_of(&["SHA256", "SHA512"]))? == Some(1),
        salt: node.maybe("salt", bytes)?,
        info: node.maybe("info", bytes)?.unwrap_or_default(),
        key_len: node.maybe("keySize", |node| node.whole(1, 1 << 20, false))?.unwrap_or(64)
            as usize,
    })
}

fn feature(node: &Node, version: Version, of_all: Option<(i64, Hash)>) -> Result<Feature> {
    if !node.raw().is_object() {
        return node.fault("must be an object {...}");
    }
    let feature = |hashing| {
        let identifier = node.need("identifier")?.text()?.to_owned();
        Ok(Feature { identifier, place: node.place().to_owned(), hashing })
    };
    let ignored = node.maybe("ignored", Node::flag)? == Some(true);
    node.maybe("description", Node::text)?;
    let described = node.get("format").is_some() || node.get("hashing").is_some();
    if ignored && !(described && version == Version::V3) {
        node.only(&["identifier", "ignored", "description"])?;
        return feature(None);
    }
    if version == Version::V3 {
        // The published schema has no such rule, but names what it knows.
        for name in ["format", "hashing"] {
            node.need(name)?;
        }
    }
    let (format, encoding) = format(&node.need("format")?.object()?)?;
    let hashing = hashing(&node.need("hashing")?.object()?, version, of_all, format, encoding)?;
    feature(hashing.filter(|_| !ignored))
}

fn format(node: &Node) -> Result<(Format, Encoding)> {
    const TYPES: [&str; 4] = ["string", "integer", "date", "enum"];
    node.maybe("description", Node::text)?;
    let kind = node.need("type")?.one_of(&TYPES)?;
    let len = |name, least| {
        let len = node.maybe(name, |node| node.whole(least, i64::MAX, true))?;
        Ok::<_, SchemaFault>(len.map(|len| len as usize))
    };
    let limit = |name| node.maybe(name, |node| node.whole(i64::MIN, i64::MAX, true));
    Ok(match kind {
        0 => {
            let encoding = node
                .maybe("encoding", |node| node.one_of(&["ascii", "utf-8", "utf-16", "utf-32"]))?;
            let encoding = match encoding {
                Some(0) => Encoding::Ascii,
                Some(2) => Encoding::Utf16,
                Some(3) => Encoding::Utf32,
                _ => Encoding::Utf8,
            };
            let format = match node.get("pattern") {
                Some(pattern) => {
                    node.only(&["type", "encoding", "pattern", "description"])?;
                    Format::Pattern(pattern.text()?.to_owned())
                }
                None => {
                    node.only(&[
                        "type",
                        "encoding",
                        "case",
                        "minLength",
                        "maxLength",
                        "description",
                    ])?;
                    let case =
                        node.maybe("case", |node| node.one_of(&["upper", "lower", "mixed"]))?;
                    let (upper, lower) = (case == Some(0), case == Some(1));
                    let (min_len, max_len) = (len("minLength", 0)?, len("maxLength", 1)?);
                    Format::Text { upper, lower, min_len, max_len }
                }
            };
            (format, encoding)
        }
        1 => {
            node.only(&["type", "minimum", "maximum", "description"])?;
            let (minimum, maximum) = (limit("minimum")?, limit("maximum")?);
            (Format::Integer { minimum, maximum }, Encoding::Utf8)
        }
        2 => {
            node.only(&["type", "format", "description"])?;
            (Format::Date(node.need("format")?.text()?.to_owned()), Encoding::Utf8)
        }
        _ => {
            node.only(&["type", "values", "description"])?;
            let values = node.need("values")?.items()?;
            let values = values.iter().map(|node| Ok(node.text()?.to_owned()));
            (Format::Enum(values.collect::<Result<_>>()?), Encoding::Utf8)
        }
    })
}

/// None for a weight of nothing in version 1, which ignores the feature.
fn hashing(
    node: &Node,
    version: Version,
    of_all: Option<(i64, Hash)>,
    format: Format,
    encoding: Encoding,
) -> Result<Option<Hashing>> {
    let missing = node.maybe("missingValue", |node| {
        let sentinel = node.need("sentinel")?.text()?.to_owned();
        let replaced = node.maybe("replaceWith", Node::text)?;
        Ok((sentinel.clone(), replaced.map_or(sentinel, str::to_owned)))
    })?;
    let per_token = |node: &Node| Ok(node.whole(1, MOST_INSERTIONS, true)? as usize);
    let (comparison, strategy, hash) = match version {
        Version::V1 => {
            // clkhash overwrites the first three, whatever they are.
            node.only(&[
                "strategy",
                "hash",
                "comparison",
                "ngram",
                "positional",
                "weight",
                "missingValue",
            ])?;
            let comparison = ngram(node, "ngram")?;
            let (k, hash) = of_all.expect("version 1 has them");
            let weight = node.maybe("weight", |node| match node.number()? {
                weight if weight >= 0.0 => Ok(weight),
                _ => node.fault("must be a number from 0"),
            })?;
            let weight = weight.unwrap_or(1.0);
            if weight == 0.0 {
                return Ok(None);
            }
            let times = (weight * k as f64).round_ties_even();
            if !(1.0..=MOST_INSERTIONS as f64).contains(&times) {
                return node.fault(format!(
                    "a weight of {weight} times {k} is {times} insertions; from 1 to \
                     {MOST_INSERTIONS} are possible, or a weight of 0 to ignore the feature"
                ));
            }
            (comparison, Strategy::PerToken(times as usize), hash)
        }
        Version::V2 => {
            node.only(&["hash", "strategy", "ngram", "positional", "missingValue"])?;
            let strategy =
                strategy(&node.need("strategy")?.object()?, ["k", "numBits"], per_token)?;
            (ngram(node, "ngram")?, strategy, feature_hash(node)?)
        }
        Version::V3 => {
            node.only(&["hash", "strategy", "comparison", "missingValue"])?;
            let names = ["bitsPerToken", "bitsPerFeature"];
            let strategy = strategy(&node.need("strategy")?.object()?, names, per_token)?;
            (comparison(&node.need("comparison")?.object()?)?, strategy, feature_hash(node)?)
        }
    };
    Ok(Some(Hashing { format, encoding, comparison, strategy, hash, missing }))
}

fn feature_hash(node: &Node) -> Result<Hash> {
    Ok(node.maybe("hash", hash)?.unwrap_or(Hash::Blake))
}

fn hash(node: &Node) -> Result<Hash> {
    if !node.raw().is_object() {
        return node.fault("must be an object {...}");
    }
    let fix = node.get("prevent_singularity");
    match node.need("type")?.one_of(&["doubleHash", "blakeHash"])? {
        0 => {
            let fixed = fix.map(|node| node.flag()).transpose()?.unwrap_or(false);
            Ok(Hash::Double { fixed })
        }
        _ => match fix {
            Some(fix) if !fix.raw().is_null() => {
                fix.fault("belongs to doubleHash; blakeHash has no singularity, so leave it out")
            }
            _ => Ok(Hash::Blake),
        },
    }
}

fn strategy(
    node: &Node,
    names: [&str; 2],
    times: impl Fn(&Node) -> Result<usize>,
) -> Result<Strategy> {
    node.only(&names)?;
    match names.map(|name| node.get(name)) {
        [Some(node), None] => Ok(Strategy::PerToken(times(&node)?)),
        [None, Some(node)] => Ok(Strategy::PerFeature(times(&node)?)),
        _ => node.fault(format!("needs either \"{}\" or \"{}\"", names[0], names[1])),
    }
}

fn ngram(node: &Node, name: &str) -> Result<Comparison> {
    let n = node.need(name)?.whole(1, MOST_LETTERS, false)? as usize;
    Ok(Comparison::Ngram { n, positional: node.maybe("positional", Node::flag)?.unwrap_or(false) })
}

fn comparison(node: &Node) -> Result<Comparison> {
    match node.need("type")?.one_of(&["ngram", "exact", "numeric"])? {
        0 => ngram(node, "n"),
        1 => Ok(Comparison::Exact),
        _ => {
            let distance = node.need("thresholdDistance")?;
            let distance = match distance.raw() {
                Value::Number(number) if distance.number()? > 0.0 => number.clone(),
                _ => return distance.fault("must be a number above 0"),
            };
            let resolution = node.need("resolution")?.whole(1, 1 << 20, false)? as u32;
            let precision = node.maybe("fractional_precision", |node| node.whole(0, 308, false))?;
            let precision = precision.unwrap_or(0) as u32;
            Ok(Comparison::Numeric { distance, resolution, precision })
        }
    }
}
