//! Estimates of the population, in each format.

use comfy_table::{CellAlignment, Table, presets};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde::Serialize;

use super::draw::{FAINT, INK, LINE, TEXT, WIDTH, at, ceiling, page_of, width_of, words};
use super::html::STYLE;
use super::plain;
use crate::population::{Estimate, Population, Stratum};
use crate::report::Correction;
use crate::words::{Language, corrected, listed};

/// What the models assume, in a reader's words.
fn model(estimator: &str, language: Language) -> &'static str {
    let (english, dutch) = match estimator {
        "independence" => {
            ("organisations meet people by chance", "organisaties treffen mensen toevallig")
        }
        "stepwise" | "aic" | "bic" => (
            "some organisations meet the same people",
            "sommige organisaties treffen dezelfde mensen",
        ),
        "aic-range" => {
            ("all models that fit nearly as well", "alle modellen die bijna zo goed passen")
        }
        "bma" => ("an average over many models", "een gemiddelde over veel modellen"),
        "chapman" => ("two organisations, by chance", "twee organisaties, toevallig"),
        "chao" | "chao-bias-corrected" => {
            ("a lower bound: at least so many", "een ondergrens: minstens zoveel")
        }
        _ => ("another model", "een ander model"),
    };
    language.of(english, dutch)
}

fn title(population: &Population, language: Language) -> String {
    let mut text = language
        .of("How many people there are, known or not", "Hoeveel mensen er zijn, bekend of niet")
        .to_owned();
    if !population.by.is_empty() {
        let by: Vec<String> = population.by.iter().map(|name| plain(name)).collect();
        text += &format!(", {} {}", language.of("by", "naar"), listed(&by, language));
    }
    if !population.filters.is_empty() {
        let filters: Vec<String> =
            population.filters.iter().map(|filter| plain(&filter.to_string())).collect();
        text += &format!(", {} {}", language.of("where", "waar"), listed(&filters, language));
    }
    text
}

fn explanation(population: &Population, language: Language) -> Vec<&'static str> {
    let mut lines = vec![
        language.of(
            "Estimated from how often the same people are known to several organisations: if few are, \
             many more are known to none. The models assume different things about that, so several \
             stand side by side; the truth may lie outside all of them.",
            "Geschat uit hoe vaak dezelfde mensen bij meer organisaties bekend zijn: zijn dat er weinig, \
             dan kent niemand er nog veel meer. De modellen nemen daar verschillende dingen over aan, \
             daarom staan er meer naast elkaar; de waarheid kan buiten alle liggen.",
        ),
        language.of(
            "Low and high: the model's own uncertainty and that of the numbers' deliberate deviation, 19 \
             times out of 20, if what it assumes is so. With linkage errors: the range if the linkage misses up \
             to 10 % of the links and falsely makes up to 1 %.",
            "Laag en hoog: de onzekerheid van het model zelf en van de opzettelijke afwijking van de \
             getallen, 19 van de 20 keer, als het klopt wat het aanneemt. Met koppelfouten: het bereik als \
             de koppeling tot 10 % van de koppelingen mist en er tot 1 % ten onrechte maakt.",
        ),
        language.of(
            "Computed from the released numbers alone, and rounded.",
            "Alleen berekend uit de vrijgegeven getallen, en afgerond.",
        ),
    ];
    lines.extend(population.correction.map(|correction| corrected(correction, language)));
    lines
}

fn category(population: &Population, stratum: &Stratum, language: Language) -> String {
    let unknown = language.of("(unknown)", "(onbekend)");
    let each = population.by.iter().zip(&stratum.codes).map(|(name, code)| {
        format!("{} {}", plain(name), code.as_deref().map_or(unknown.to_owned(), plain))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// What is known of a stratum before any estimate.
fn situation(stratum: &Stratum, language: Language) -> String {
    match (&stratum.refused, stratum.seen) {
        (Some(rule), _) => {
            format!("{}: {}", language.of("No estimate", "Geen schatting"), plain(rule))
        }
        (None, seen) => {
            let mut text = format!(
                "{} {}.",
                seen.unwrap_or(0),
                language.of(
                    "different people are known to a source",
                    "verschillende mensen zijn bij een bron bekend"
                ),
            );
            if stratum.lower_bound_only {
                text += language.of(
                    " No model stands firm: read the estimates as “at least so many”.",
                    " Geen model staat stevig: lees de schattingen als ‘minstens zoveel’.",
                );
            }
            if stratum.withheld > 0 {
                text += &format!(
                    " {} {}",
                    stratum.withheld,
                    language.of(
                        "withheld patterns were filled in by the models.",
                        "onderdrukte patronen zijn door de modellen ingevuld.",
                    )
                );
            }
            text
        }
    }
}

fn row(own: &Estimate, language: Language) -> [String; 6] {
    [
        plain(&own.estimator),
        model(&own.estimator, language).to_owned(),
        own.people.to_string(),
        own.low.to_string(),
        own.high.to_string(),
        format!("{}–{}", own.linkage.0, own.linkage.1),
    ]
}

fn header(language: Language) -> [&'static str; 6] {
    [
        language.of("model", "model"),
        language.of("what it assumes", "wat het aanneemt"),
        language.of("people", "mensen"),
        language.of("low", "laag"),
        language.of("high", "hoog"),
        language.of("with linkage errors", "met koppelfouten"),
    ]
}

/// The estimates in words.
#[must_use]
pub fn population_table(population: &Population, language: Language) -> String {
    let mut text = format!(
        "{}\n{}: {}\n{}: {}\n{} {}\n",
        title(population, language),
        language.of("Purpose of the round", "Doel van de ronde"),
        plain(&population.purpose),
        language.of("Sources", "Bronnen"),
        listed(&population.lists, language),
        language.of("Round", "Ronde"),
        population.round,
    );
    for stratum in &population.strata {
        let name = category(population, stratum, language);
        if !name.is_empty() {
            text += &format!("\n{name}");
        }
        text += &format!("\n{}\n", situation(stratum, language));
        if !stratum.estimates.is_empty() {
            let mut table = Table::new();
            table.load_style(presets::ASCII_MARKDOWN).set_header(header(language));
            for own in &stratum.estimates {
                table.add_row(row(own, language));
            }
            for column in table.column_iter_mut().skip(2) {
                column.set_cell_alignment(CellAlignment::Right);
            }
            text += &format!("{table}\n");
        }
    }
    text + "\n" + &explanation(population, language).join("\n")
}

#[derive(Serialize)]
struct Answer<'a> {
    round: samenloop_schema::RoundId,
    purpose: &'a str,
    measure: &'static str,
    lists: &'a [String],
    by: &'a [String],
    #[serde(rename = "where")]
    filters: std::collections::BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correction: Option<Correction>,
    strata: &'a [Stratum],
}

/// The estimates as JSON; `refused` stands where there are none.
pub fn population_json(population: &Population) -> Result<String, serde_json::Error> {
    let filters = population.filters.iter();
    serde_json::to_string_pretty(&Answer {
        round: population.round,
        purpose: &population.purpose,
        measure: "population",
        lists: &population.lists,
        by: &population.by,
        filters: filters.map(|f| (f.dimension.as_str(), f.code.as_str())).collect(),
        correction: population.correction,
        strata: &population.strata,
    })
}

/// The estimates as CSV, one line per model; a stratum without an estimate has one line with the
/// reason.
pub fn population_csv(population: &Population) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(vec![]);
    let mut header: Vec<&str> = population.by.iter().map(String::as_str).collect();
    header.extend(["seen", "lower_bound_only", "withheld_patterns", "estimator", "people", "low"]);
    header.extend(["high", "linkage_low", "linkage_high", "refused"]);
    writer.write_record(header)?;
    for stratum in &population.strata {
        let codes = || stratum.codes.iter().map(|code| code.clone().unwrap_or_default());
        let own: [String; 3] = [
            stratum.seen.map_or(String::new(), |seen| seen.to_string()),
            stratum.lower_bound_only.to_string(),
            stratum.withheld.to_string(),
        ];
        if let Some(rule) = &stratum.refused {
            let mut fields: Vec<String> = codes().chain(own).collect();
            fields.extend(std::iter::repeat_n(String::new(), 6));
            fields.push(rule.clone());
            writer.write_record(fields)?;
            continue;
        }
        for estimate in &stratum.estimates {
            let (low, high) = estimate.linkage;
            let numbers = [estimate.people, estimate.low, estimate.high, low, high];
            let fields = codes().chain(own.clone()).chain([estimate.estimator.clone()]);
            let fields = fields.chain(numbers.map(|n| n.to_string())).chain([String::new()]);
            writer.write_record(fields)?;
        }
    }
    super::csv::finish(writer)
}

fn panel(stratum: &Stratum) -> (f64, Markup) {
    let names: Vec<String> = stratum.estimates.iter().map(|own| plain(&own.estimator)).collect();
    let left = names.iter().map(|name| width_of(name)).fold(60.0, f64::max) + 12.0;
    let most = stratum.estimates.iter().map(|own| own.high.max(own.linkage.1)).max();
    let most = ceiling(most.unwrap_or(0).min(stratum.seen.unwrap_or(1).saturating_mul(20)));
    let scale = (WIDTH - 48.0 - left - 190.0) / most;
    let x = |people: u64| left + (people as f64 * scale).min(WIDTH - 48.0 - left - 180.0);
    let seen = x(stratum.seen.unwrap_or(0));
    let height = stratum.estimates.len() as f64 * LINE * 1.3;
    let body = html! {
        rect x=(at(left)) y="0" width=(at(seen - left)) height=(at(height)) fill="#eeeeee" {}
        @for (place, own) in stratum.estimates.iter().enumerate() {
            @let y = (place as f64 + 0.5) * LINE * 1.3;
            (words(left - 8.0, y + TEXT * 0.35, "end", INK, &names[place]))
            line x1=(at(x(own.linkage.0))) x2=(at(x(own.linkage.1))) y1=(at(y)) y2=(at(y)) stroke="#a8c4e0" stroke-width="9" {}
            line x1=(at(x(own.low))) x2=(at(x(own.high))) y1=(at(y)) y2=(at(y)) stroke=(INK) stroke-width="1.5" {}
            circle cx=(at(x(own.people))) cy=(at(y)) r="5" fill="#2a6fb0" {}
            (words(x(own.high.max(own.linkage.1)) + 8.0, y + TEXT * 0.35, "start", INK, &format!("{}  [{}–{}]", own.people, own.low, own.high)))
        }
        (words(seen, height + TEXT, "middle", FAINT, &stratum.seen.map_or_else(String::new, |n| n.to_string())))
    };
    (height + LINE, body)
}

/// The estimates as a drawing.
#[must_use]
pub fn population_svg(population: &Population, language: Language) -> String {
    let how = language.of(
        "How to read this: each dot is what one model makes of the number of people; the thin line is \
         its own uncertainty, the pale band what errors of the linkage would make of it. The grey area \
         are the people whom an organisation knows; what lies to the right of it nobody sees.",
        "Zo leest u dit: elke stip is wat één model van het aantal mensen maakt; de dunne lijn is de \
         eigen onzekerheid, de lichte band wat fouten van de koppeling ervan zouden maken. Het grijze \
         vlak zijn de mensen die een organisatie kent; wat rechts daarvan ligt, ziet niemand.",
    );
    let about = format!(
        "{} · {}: {}",
        plain(&population.purpose),
        language.of("Sources", "Bronnen"),
        listed(&population.lists, language)
    );
    let panels = population.strata.iter().map(|stratum| {
        let name = category(population, stratum, language);
        let sep = if name.is_empty() { "" } else { ": " };
        (format!("{name}{sep}{}", situation(stratum, language)), panel(stratum))
    });
    let round = format!("{} {}", language.of("Round", "Ronde"), population.round);
    let notes: Vec<String> =
        explanation(population, language).into_iter().map(str::to_owned).chain([round]).collect();
    page_of(&title(population, language), &about, how, panels.collect(), &notes, language)
}

/// The estimates as a self-contained page.
#[must_use]
pub fn population_html(population: &Population, language: Language) -> String {
    let heading = title(population, language);
    let page = html! {
        (DOCTYPE)
        html lang=(language.of("en", "nl")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (heading) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (PreEscaped(population_svg(population, language)))
                @for stratum in &population.strata {
                    p { (category(population, stratum, language)) " " (situation(stratum, language)) }
                    @if !stratum.estimates.is_empty() {
                        table {
                            thead { tr { @for name in header(language) { th { (name) } } } }
                            tbody {
                                @for own in &stratum.estimates {
                                    tr { @for cell in row(own, language) { td { (cell) } } }
                                }
                            }
                        }
                    }
                }
                @for line in explanation(population, language) { p { (line) } }
            }
        }
    };
    page.into_string()
}
