//! `samenloop-lab evaluate`.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use super::{Job, evaluate, render, write_clusters};

/// What the command takes.
#[derive(Debug, Args)]
pub struct Flags {
    /// A source; give one for each file.
    #[arg(long, required = true, value_name = "NAME=FILE.csv", value_parser = source)]
    source: Vec<(String, PathBuf)>,
    /// Header of the column that tells who is who; it is never encoded.
    #[arg(long, value_name = "COLUMN")]
    truth: String,
    /// A linkage schema; without one it is drafted as `samenloop-partner schema init` does.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Write source, row (from 0) and cluster of every row to this file.
    #[arg(long, value_name = "FILE.csv")]
    clusters_out: Option<PathBuf>,
    /// Cluster the same weighed pairs in other ways, too, and say how well each does.
    #[arg(long)]
    compare: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn source(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !name.contains('+') && !file.is_empty() => {
            Ok((name.to_owned(), file.into()))
        }
        _ => Err("write NAME=FILE.csv, without a + in the name".to_owned()),
    }
}

/// Shows percents on a terminal, and how long the rest will take at the pace so far.
struct Percent(Instant);

impl samenloop_link::Progress for Percent {
    fn permille(&self, done: u32) {
        if std::io::stderr().is_terminal() {
            let left = match done {
                0..20 | 1000.. => String::new(),
                _ => {
                    let so_far = self.0.elapsed().as_secs_f64();
                    let left = so_far * f64::from(1000 - done) / f64::from(done);
                    format!("about {:.0} min {:02.0} s left", (left / 60.0).floor(), left % 60.0)
                }
            };
            let _ = write!(std::io::stderr(), "\rlinking {:3} %   {left:24}", done / 10);
            if done >= 1000 {
                let _ = writeln!(std::io::stderr());
            }
        }
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Evaluates and prints.
pub fn run(flags: Flags) -> anyhow::Result<()> {
    let job = Job {
        sources: flags.source,
        truth: flags.truth,
        schema: flags.schema,
        draws: None,
        compare: flags.compare,
    };
    let (evaluation, clusters) = evaluate(&job, &Percent(Instant::now()))?;
    if let Some(path) = &flags.clusters_out {
        write_clusters(path, &job, &clusters)?;
    }
    let text = if flags.json {
        serde_json::to_string_pretty(&evaluation)? + "\n"
    } else {
        render(&evaluation)
    };
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}
