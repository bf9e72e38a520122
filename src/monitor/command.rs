//! The `samenloop-monitor` command.

use std::ffi::OsString;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::builder::PossibleValue;
use clap::{Args, Parser, Subcommand, ValueEnum};
use samenloop_schema::RoundId;
use samenloop_wire::client::ClientConfig;

use crate::fetch::fetch;
use crate::population::{Population, fetch_population};
use crate::quality::fetch_quality;
use crate::render;
use crate::report::{Filter, Measure, Per, Question};
use crate::rounds::rounds;
use crate::words::Language;

/// Asks released tables of a round and shows them.
#[derive(Parser)]
#[command(name = "samenloop-monitor", version, about)]
struct Command {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Asks one question of a released round.
    Report {
        /// What to count.
        #[arg(value_enum, value_name = "MEASURE")]
        topic: Topic,
        /// Splits the counts by this dimension; may stand several times, as the round's policy allows.
        #[arg(long = "by", value_name = "DIM")]
        by: Vec<String>,
        /// Takes the sources of one type together.
        #[arg(long)]
        types: bool,
        /// Periods of a trend (months if not given) or of a sequence.
        #[arg(long, value_enum)]
        per: Option<Per>,
        /// Language of titles, rows and explanations.
        #[arg(long, value_enum, default_value_t)]
        language: Language,
        /// Keeps the rows of one category; `DIM=unknown` is the category without a code.
        #[arg(long = "where", value_name = "DIM=CODE")]
        filters: Vec<Filter>,
        /// The round, if not the one of the configuration.
        #[arg(long, value_name = "ID")]
        round: Option<RoundId>,
        #[command(flatten)]
        output: Output,
    },
    /// Tells how good a released round's linkage is: how sure its links are, what registrations lack,
    /// who is registered twice. For the coordinator, too, with the coordinator's configuration.
    Quality {
        /// Language of the report.
        #[arg(long, value_enum, default_value_t)]
        language: Language,
        /// The round, if not the one of the configuration.
        #[arg(long, value_name = "ID")]
        round: Option<RoundId>,
        #[command(flatten)]
        output: Output,
    },
    /// Lists the rounds that this certificate may see.
    Rounds {
        #[command(flatten)]
        output: Output,
    },
}

/// What a report is about.
#[derive(Clone, Copy)]
enum Topic {
    Counted(Measure),
    Population,
}

impl ValueEnum for Topic {
    fn value_variants<'a>() -> &'a [Self] {
        const {
            &[
                Self::Counted(Measure::Unique),
                Self::Counted(Measure::Sources),
                Self::Counted(Measure::Overlap),
                Self::Counted(Measure::Patterns),
                Self::Counted(Measure::Stacking),
                Self::Counted(Measure::Sequence),
                Self::Counted(Measure::Trend),
                Self::Counted(Measure::Recidivism),
                Self::Population,
            ]
        }
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Counted(measure) => measure.to_possible_value(),
            Self::Population => Some(
                PossibleValue::new("population")
                    .help("How many people there are, known to a source or not: estimates"),
            ),
        }
    }
}

#[derive(Args)]
struct Output {
    /// Configuration file: where the service is, and your certificate.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// How to show it.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Writes to a file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    /// A drawing: UpSet plot, heat map, lines or bars.
    Svg,
    /// A page with the drawing and the table.
    Html,
}

/// Runs the command on its arguments, the program's name first. 0: done; 1: it failed, and standard
/// error says why; 2: usage.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Command::try_parse_from(args) {
        Ok(command) => command,
        Err(error) => {
            // Nothing is left to do where even the usage cannot be written.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    match perform(command.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("samenloop-monitor: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (text, out) = match task {
        Task::Report { topic, by, types, per, language, filters, round, output } => {
            let (config, round) = which(&output, round)?;
            // A filter on a dimension that is not asked for asks for it and hides it again.
            let mut asked = by.clone();
            for filter in &filters {
                if !asked.contains(&filter.dimension) {
                    asked.push(filter.dimension.clone());
                }
            }
            let format = output.format();
            let Topic::Counted(measure) = topic else {
                let mut population = runtime.block_on(fetch_population(&config, round, &asked))?;
                filters.iter().try_for_each(|filter| population.keep(filter))?;
                return write(
                    shown_population(&population, format, language)?,
                    output.out.as_deref(),
                );
            };
            let question = Question { measure, types, per, by: asked };
            let mut report = runtime.block_on(fetch(&config, round, &question))?;
            for filter in &filters {
                report.keep(filter, !by.contains(&filter.dimension))?;
            }
            let text = match format {
                Format::Table => render::table(&report, language),
                Format::Json => render::json(&report)?,
                Format::Csv => render::csv(&report, language)?,
                Format::Svg => render::svg(&report, language),
                Format::Html => render::html(&report, language),
            };
            (text, output.out)
        }
        Task::Quality { language, round, output } => {
            let (config, round) = which(&output, round)?;
            let quality = runtime.block_on(fetch_quality(&config, round))?;
            let text = match output.format() {
                Format::Table => render::quality_table(&quality, language),
                Format::Json => render::quality_json(&quality)?,
                Format::Csv | Format::Svg | Format::Html => {
                    bail!("the quality of a linkage is told as table or json")
                }
            };
            (text, output.out)
        }
        Task::Rounds { output } => {
            let config = ClientConfig::read(&output.config)?;
            let rounds = runtime.block_on(rounds(&config))?;
            let text = match output.format() {
                Format::Table => render::rounds_table(&rounds),
                Format::Json => render::rounds_json(&rounds)?,
                Format::Csv => render::rounds_csv(&rounds)?,
                Format::Svg | Format::Html => {
                    bail!("rounds are listed as table, json or csv; reports can be drawn")
                }
            };
            (text, output.out)
        }
    };
    write(text, out.as_deref())
}

fn which(output: &Output, round: Option<RoundId>) -> anyhow::Result<(ClientConfig, RoundId)> {
    let config = ClientConfig::read(&output.config)?;
    let round = round.or(config.round).context(
        "which round? give --round ID or `round` in the configuration; \
         `samenloop-monitor rounds` lists them",
    )?;
    Ok((config, round))
}

fn shown_population(
    population: &Population,
    format: Format,
    language: Language,
) -> anyhow::Result<String> {
    Ok(match format {
        Format::Table => render::population_table(population, language),
        Format::Json => render::population_json(population)?,
        Format::Csv => render::population_csv(population)?,
        Format::Svg => render::population_svg(population, language),
        Format::Html => render::population_html(population, language),
    })
}

impl Output {
    const fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

fn write(mut text: String, out: Option<&Path>) -> anyhow::Result<()> {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match out {
        Some(path) => {
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
        }
        None => match std::io::stdout().lock().write_all(text.as_bytes()) {
            // The reader, such as `head`, has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(args: &[&str]) -> ExitCode {
        run(std::iter::once("samenloop-monitor").chain(args.iter().copied()).map(OsString::from))
    }

    #[test]
    fn usage_and_failure_have_exit_codes_of_their_own() {
        let cases: &[(&[&str], u8)] = &[
            (&["--help"], 0),
            (&[], 2),
            (&["report"], 2),
            (&["report", "persons", "--config", "x.toml"], 2),
            (&["report", "unique", "--where", "sex", "--config", "x.toml"], 2),
            (&["report", "unique", "--round", "abc", "--config", "x.toml"], 2),
            (&["rounds", "--json", "--format", "csv", "--config", "x.toml"], 2),
            (&["rounds", "--config", "no-such-file.toml"], 1),
        ];
        for (args, code) in cases {
            assert_eq!(
                format!("{:?}", exit(args)),
                format!("{:?}", ExitCode::from(*code)),
                "{args:?}"
            );
        }
    }

    #[test]
    fn the_sample_configuration_is_one() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("monitor.toml");
        std::fs::write(&path, include_str!("../../docs/samples/monitor.toml")).expect("a file");
        let config = ClientConfig::read(&path).expect("the sample is a configuration");
        assert!(config.endpoint.starts_with("https://"));
        assert!(config.key.starts_with(dir.path()));
        assert!(config.round.is_some() && config.server_name.is_some());
    }
}
