//! `samenloop-lab similar`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};
use samenloop_link::kernel::{self, Kernel};
use samenloop_link::{Filters, Pruning, Similar, similar};
use samenloop_schema::Clk;
use serde::{Deserialize, Serialize};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// The first file: {"clks": [base64, ...]}, as clkhash writes it.
    #[arg(long, value_name = "FILE.json")]
    a: PathBuf,
    /// The second file.
    #[arg(long, value_name = "FILE.json")]
    b: PathBuf,
    /// Least Dice similarity of a pair, above 0 and at most 1.
    #[arg(long, value_name = "T")]
    threshold: f64,
    /// Write a, b (rows from 0) and similarity of every pair to this file.
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    /// Compare every pair over its whole length.
    #[arg(long)]
    no_pruning: bool,
    /// Threads; by default as many as there are cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Instructions to compare with; by default the fastest of this machine.
    #[arg(long, value_enum)]
    path: Option<PathName>,
    /// Repeat and print the shortest time.
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PathName {
    Portable,
    Avx2,
    Avx512,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Report {
    comparisons: u64,
    pairs: u64,
    seconds: f64,
    /// Pairs that their numbers of set bits decided.
    skipped_by_ones: u64,
    /// Pairs that the first bits decided, and how many bits those are.
    skipped_by_first_part: u64,
    first_part_bits: u32,
    path: String,
}

#[derive(Deserialize)]
struct File {
    clks: Vec<String>,
}

fn read(path: &Path) -> anyhow::Result<Filters> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {name}"))?;
    let file: File = serde_json::from_slice(&bytes)
        .with_context(|| format!("{name}: not {{\"clks\": [base64, ...]}}"))?;
    let decoded = file.clks.iter().enumerate().map(|(place, text)| {
        let mut bytes = data_encoding::BASE64
            .decode(text.trim().as_bytes())
            .with_context(|| format!("{name}: filter {place} is not base64"))?;
        ensure!(!bytes.is_empty(), "{name}: filter {place} is empty");
        // Zeros change neither the bits that two have nor those that they share.
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        Clk::from_bytes(&bytes).with_context(|| format!("{name}: filter {place}"))
    });
    let filters = decoded.collect::<anyhow::Result<Vec<_>>>()?;
    Filters::new(&filters).with_context(|| name.to_string())
}

fn write(path: &Path, similar: &Similar) -> anyhow::Result<()> {
    let mut file =
        csv::Writer::from_path(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.write_record(["a", "b", "similarity"])?;
    for pair in &similar.pairs {
        file.serialize(pair)?;
    }
    Ok(file.flush()?)
}

/// Compares and prints.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    ensure!(
        flags.threshold > 0.0 && flags.threshold <= 1.0,
        "--threshold lies above 0 and at most at 1"
    );
    let kernel = match flags.path {
        None => Kernel::best(),
        Some(name) => {
            let path = match name {
                PathName::Portable => kernel::Path::Portable,
                PathName::Avx2 => kernel::Path::Avx2,
                PathName::Avx512 => kernel::Path::Avx512,
            };
            Kernel::new(path).context("this machine does not have these instructions")?
        }
    };
    let (a, b) = (read(&flags.a)?, read(&flags.b)?);
    ensure!(
        a.is_empty() || b.is_empty() || a.bits() == b.bits(),
        "{} has filters of {} bits, {} of {}",
        flags.a.display(),
        a.bits(),
        flags.b.display(),
        b.bits()
    );
    let pruning = if flags.no_pruning { Pruning::Off } else { Pruning::Exact };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(flags.threads).build()?;
    let (mut seconds, mut found) = (f64::INFINITY, None);
    for _ in 0..flags.repeat.max(1) {
        drop(found.take());
        let begin = Instant::now();
        found = Some(pool.install(|| similar(kernel, &a, &b, flags.threshold, pruning)));
        seconds = seconds.min(begin.elapsed().as_secs_f64());
    }
    let found = found.context("nothing was compared")?;
    if let Some(path) = &flags.out {
        write(path, &found)?;
    }
    let report = Report {
        comparisons: found.comparisons,
        pairs: found.pairs.len() as u64,
        seconds,
        skipped_by_ones: found.by_ones,
        skipped_by_first_part: found.by_first_part,
        first_part_bits: found.first_part,
        path: format!("{:?}", kernel.path()).to_lowercase(),
    };
    let text = if flags.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        format!(
            "comparisons {}   pairs {}   seconds {:.3}   ({:.0} million a second, {})\n\
             decided by the number of set bits {}, by the first {} bits {}\n",
            report.comparisons,
            report.pairs,
            report.seconds,
            report.comparisons as f64 / report.seconds / 1e6,
            report.path,
            report.skipped_by_ones,
            report.first_part_bits,
            report.skipped_by_first_part,
        )
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}
