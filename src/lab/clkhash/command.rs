//! `samenloop-lab clkhash`.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use zeroize::Zeroizing;

use super::{Encoder, Header, Linkage, hash_rows};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// A linkage schema of clkhash: version 1, 2 or 3, in JSON.
    #[arg(long, value_name = "S.json")]
    schema: PathBuf,
    /// File with the secret; one line end at its end does not count.
    #[arg(long, value_name = "K")]
    secret_file: PathBuf,
    /// The records, in UTF-8; the columns are the schema's features in their order.
    #[arg(long, value_name = "F.csv")]
    csv: PathBuf,
    /// The file of CLKs to write; without it they are printed.
    #[arg(long, value_name = "O.json")]
    out: Option<PathBuf>,
    /// What the first line is.
    #[arg(long, value_enum, default_value_t = Header::Check)]
    header: Header,
    /// Hash values that the schema's formats exclude, as clkhash does with validate=False.
    #[arg(long)]
    no_validate: bool,
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read as UTF-8", path.display()))?;
    Ok(Zeroizing::new(text))
}

/// The secret of a file.
fn secret(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let bytes = fs::read(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut bytes = Zeroizing::new(bytes);
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    anyhow::ensure!(!bytes.is_empty(), "{}: the secret is empty", path.display());
    Ok(bytes)
}

/// Hashes and writes.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let at_schema = || flags.schema.display().to_string();
    let document = serde_json::from_str(&read(&flags.schema)?)
        .with_context(|| format!("{}: is no JSON", flags.schema.display()))?;
    let linkage = Linkage::read(&document).with_context(at_schema)?;
    for remark in &linkage.remarks {
        let _ = writeln!(io::stderr(), "{}: {remark}", flags.schema.display());
    }
    let secret = secret(&flags.secret_file)?;
    let mut encoder =
        Encoder::new(&linkage, &secret, !flags.no_validate).with_context(at_schema)?;
    let csv = read(&flags.csv)?;
    let mut hash = |out: &mut dyn io::Write| {
        let mut out = BufWriter::with_capacity(1 << 16, out);
        let count = hash_rows(&linkage, &mut encoder, &csv, flags.header, &mut out)
            .with_context(|| flags.csv.display().to_string())?;
        out.flush().context("cannot write")?;
        anyhow::Ok(count)
    };
    let Some(path) = &flags.out else {
        hash(&mut io::stdout().lock())?;
        return Ok(());
    };
    let written = || format!("{}: cannot be written", path.display());
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Whole or not at all.
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(written)?;
    let count = hash(file.as_file_mut())?;
    let _: File = file.persist(path).with_context(written)?;
    let _ = writeln!(io::stderr(), "{count} CLKs are in {}", path.display());
    Ok(())
}
