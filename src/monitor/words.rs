//! The words of the domain, in English and Dutch, for what is counted.

use clap::ValueEnum;

use crate::report::{Correction, Level, Line, Measure, Order, Per, Report, Returned, Row};

/// The language of titles, rows and explanations. Fields for machines are the same in both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Nederlands.
    Nl,
}

use Language::{En, Nl};

impl Language {
    /// The one of two texts that is in this language.
    pub(crate) const fn of<'a>(self, english: &'a str, dutch: &'a str) -> &'a str {
        match self {
            En => english,
            Nl => dutch,
        }
    }
}

/// `a, b and c`.
pub(crate) fn listed(names: &[String], language: Language) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => {
            format!("{} {} {last}", most.join(", "), language.of("and", "en"))
        }
    }
}

/// What a row counts, apart from its categories.
pub(crate) fn counted(report: &Report, row: &Row, language: Language) -> String {
    let names = listed(&row.sources, language);
    let known = |english: &str, dutch: &str| language.of(english, dutch).replace("{}", &names);
    let text = match report.measure {
        Measure::Unique => known("known to any source", "bekend bij een of meer bronnen"),
        Measure::Sources => known("known to {}", "bekend bij {}"),
        Measure::Overlap => match (&row.sources[..], language) {
            ([first, second], Nl) => format!("bekend bij zowel {first} als {second}"),
            _ => format!("known to both {names}"),
        },
        Measure::Patterns if row.sources.len() == 1 => {
            known("known to {} only", "alleen bekend bij {}")
        }
        Measure::Patterns if row.sources.len() == report.units.len() => {
            known("known to all: {}", "bekend bij alle: {}")
        }
        Measure::Patterns => {
            known("known to {}, and to no one else", "bekend bij {} en bij niemand anders")
        }
        Measure::Stacking => stacked(row.source_count.unwrap_or(0), report.types, language),
        Measure::Sequence => in_order(row, language),
        Measure::Trend => language
            .of(
                if row.line == Some(Line::FirstContacts) { "first contact" } else { "in care" },
                if row.line == Some(Line::FirstContacts) { "eerste contact" } else { "in zorg" },
            )
            .to_owned(),
        Measure::Recidivism => came_back(row, language),
    };
    match row.period {
        Some(period) => format!("{text}, {period}"),
        None => text,
    }
}

fn stacked(count: u32, types: bool, language: Language) -> String {
    let what = match (language, types, count) {
        (En, false, 1) => "source",
        (En, false, _) => "sources",
        (En, true, 1) => "source type",
        (En, true, _) => "source types",
        (Nl, false, 1) => "bron",
        (Nl, false, _) => "bronnen",
        (Nl, true, 1) => "brontype",
        (Nl, true, _) => "brontypen",
    };
    format!("{} {count} {what}", language.of("known to", "bekend bij"))
}

fn in_order(row: &Row, language: Language) -> String {
    let (first, second) = match &row.sources[..] {
        [first, second] => (first.as_str(), second.as_str()),
        _ => ("?", "?"),
    };
    let then = |first: &str, second: &str| {
        format!(
            "{} {first}, {} {second}",
            language.of("first", "eerst"),
            language.of("later", "later")
        )
    };
    let and = language.of("and", "en");
    match row.order {
        Some(Order::Simultaneous) => {
            format!("{first} {and} {second} {}", language.of("at the same time", "gelijktijdig"))
        }
        Some(Order::FirstThen) => then(first, second),
        Some(Order::ThenFirst) => then(second, first),
        Some(Order::Unknown) | None => {
            format!("{first} {and} {second}, {}", language.of("order unknown", "volgorde onbekend"))
        }
    }
}

fn came_back(row: &Row, language: Language) -> String {
    let whom = match &row.sources[..] {
        [] => language.of("any source", "een of meer bronnen").to_owned(),
        names => listed(names, language),
    };
    match row.returned {
        Some(Returned::CameBack) => {
            format!("{} {whom}", language.of("came back to", "teruggekomen bij"))
        }
        Some(Returned::Stayed) => format!(
            "{} {whom}{}",
            language.of("known to", "bekend bij"),
            language.of(" without a gap", " zonder onderbreking")
        ),
        Some(Returned::Unknown) | None => format!(
            "{} {whom}, {}",
            language.of("known to", "bekend bij"),
            language.of("months do not tell", "maanden zeggen het niet")
        ),
    }
}

/// What a table counts, as its heading.
pub(crate) fn title(report: &Report, language: Language) -> String {
    let sources = match report.types {
        false => language.of("sources", "bronnen"),
        true => language.of("source types", "brontypen"),
    };
    let text = match report.measure {
        Measure::Unique => language
            .of("Unique clients of all sources together", "Unieke cliënten, alle bronnen samen"),
        Measure::Sources if report.types => {
            language.of("Unique clients of each source type", "Unieke cliënten per brontype")
        }
        Measure::Sources => {
            language.of("Unique clients of each source", "Unieke cliënten per bron")
        }
        Measure::Overlap => language.of(
            "Unique clients known to both of two {}",
            "Samenloop: unieke cliënten die bij twee {} bekend zijn",
        ),
        Measure::Patterns => language.of(
            "Unique clients by exactly which {} know them",
            "Unieke cliënten naar precies welke {} hen kennen",
        ),
        Measure::Stacking => language.of(
            "Unique clients by how many {} know them",
            "Stapeling: unieke cliënten naar hoeveel {} hen kennen",
        ),
        Measure::Sequence if report.per.is_some() => language.of(
            "Flows: clients by when they came from one to another of two {}",
            "Doorstroom: cliënten naar wanneer zij van de ene naar de andere van twee {} kwamen",
        ),
        Measure::Sequence => language.of(
            "Clients of both of two {}, by the order in which they came to them",
            "Volgorde: cliënten van twee {} naar wie hen het eerst kende",
        ),
        Measure::Trend => language.of(
            "Trend: clients in care and first contacts",
            "Trend: cliënten in zorg en eerste contacten",
        ),
        Measure::Recidivism => language.of(
            "Recidivism: clients by whether they came back after a gap",
            "Recidive: cliënten naar of zij na een onderbreking terugkwamen",
        ),
    };
    let per = match report.per {
        None => "",
        Some(Per::Month) => language.of(", per month", ", per maand"),
        Some(Per::Quarter) => language.of(", per quarter", ", per kwartaal"),
        Some(Per::Year) => language.of(", per year", ", per jaar"),
    };
    text.replace("{}", sources) + per
}

/// Whether the insider rule may withhold a number of this measure.
const fn under_insider_rule(measure: Measure) -> bool {
    !matches!(measure, Measure::Unique | Measure::Sources | Measure::Trend)
}

/// What stands in the place of a withheld number.
pub(crate) fn mark(report: &Report, row: &Row) -> String {
    marked(report, report.level(row))
}

fn marked(report: &Report, level: Level) -> String {
    let star = if under_insider_rule(report.measure) { "*" } else { "" };
    format!("<{}{star}", level.threshold)
}

/// What a reader must know of the numbers, a sentence or two each.
pub(crate) fn legend(report: &Report, language: Language) -> Vec<String> {
    let fill = |english: &str, dutch: &str| {
        language
            .of(english, dutch)
            .replace("{gap}", &report.return_gap.to_string())
            .replace("{step}", &report.noise.round_to.to_string())
    };
    let mut lines = vec![];
    let kinds = [report.noise.joint, report.noise.one_source].into_iter().zip([true, false]);
    let kinds = kinds.filter(|(_, joint)| report.rows.iter().any(|row| row.joint == *joint));
    for (level, joint) in kinds.clone() {
        if report.rows.iter().any(|row| row.joint == joint && row.number.is_none()) {
            lines.push(withheld(report, level, language));
        }
    }
    lines.push(deviations(&kinds.collect::<Vec<_>>(), language));
    if report.noise.round_to > 1 {
        lines.push(fill(
            "After that, numbers are rounded to multiples of {step}.",
            "Daarna zijn de getallen afgerond op veelvouden van {step}.",
        ));
    }
    lines.push(fill(
        "Low and high: how far the linkage's own doubts may move the number, 19 times out of 20. The \
         deliberate deviation comes on top. People whom a registration shows too poorly to be recognised \
         are put to others as often as they are expected to be missing.",
        "Laag en hoog: hoe ver de twijfels van de koppeling het getal kunnen verschuiven, 19 van de 20 \
         keer. De opzettelijke afwijking komt daar bovenop. Wie uit een registratie niet te herkennen is, \
         is zo vaak bij anderen gevoegd als zulke koppelingen naar verwachting ontbreken.",
    ));
    if let Some(correction) = report.correction {
        lines.push(corrected(correction, language).to_owned());
    }
    if report.rows.iter().any(|row| row.share.is_some()) {
        lines.push(fill(
            "Share: of all clients of the row's categories, from the numbers shown here.",
            "Aandeel: van alle cliënten in de categorie van de rij, uit de getoonde getallen.",
        ));
    }
    lines.extend(meaning(report).map(|(english, dutch)| fill(english, dutch)));
    if !report.by.is_empty() {
        lines.push(fill(
            "(unknown): not filled in, or the sources that know the client say different things.",
            "(onbekend): niet ingevuld, of de bronnen die de cliënt kennen spreken elkaar tegen.",
        ));
    }
    lines
}

fn withheld(report: &Report, level: Level, language: Language) -> String {
    let text = if under_insider_rule(report.measure) {
        language.of(
            "{mark}  Withheld: fewer than {threshold} clients with the deliberate deviation, perhaps none, or so nearly all clients \
             of one source that it would tell something about each of them.",
            "{mark}  Onderdrukt: met de opzettelijke afwijking minder dan {threshold} cliënten, misschien geen, of zo goed als alle \
             cliënten van één bron, zodat het iets over ieder van hen zou verraden.",
        )
    } else {
        language.of(
            "{mark}  Withheld: fewer than {threshold} clients with the deliberate deviation, perhaps none.",
            "{mark}  Onderdrukt: met de opzettelijke afwijking minder dan {threshold} cliënten, misschien geen.",
        )
    };
    text.replace("{mark}", &marked(report, level))
        .replace("{threshold}", &level.threshold.to_string())
}

/// How far numbers are off, joint ones first where there are both kinds.
fn deviations(kinds: &[(Level, bool)], language: Language) -> String {
    let off = |level: &Level| {
        language
            .of("{max}, typically by {typical} or less", "{max}, meestal {typical} of minder")
            .replace("{max}", &level.max_noise.to_string())
            .replace("{typical}", &format!("{:.0}", level.variance.sqrt().ceil()))
    };
    let text = match kinds {
        [(joint, _), (own, _)] => language
            .of(
                "Every number of all sources together is deliberately off by at most {joint}, every \
                 number of one source by at most {own}, ",
                "Elk getal van alle bronnen samen wijkt met opzet hoogstens {joint} af, elk getal van \
                 één bron hoogstens {own}, ",
            )
            .replace("{joint}", &off(joint))
            .replace("{own}", &off(own)),
        kinds => language
            .of(
                "Every number is deliberately off by at most {all}, ",
                "Elk getal wijkt met opzet af, hoogstens {all}, ",
            )
            .replace("{all}", &kinds.first().map_or_else(String::new, |(level, _)| off(level))),
    };
    language
        .of(
            "Numbers are people, each counted once. ",
            "Getallen zijn mensen, ieder één keer geteld. ",
        )
        .to_owned()
        + &text
        + language.of(
            "so that nobody can be singled out; rows therefore need not add up.",
            "zodat niemand herkenbaar is; rijen tellen daarom niet precies op.",
        )
}

/// Which earlier numbers a report takes the place of.
pub(crate) const fn corrected(correction: Correction, language: Language) -> &'static str {
    match correction {
        Correction::Linkage => language.of(
            "These numbers correct an earlier release of this round, whose linkage was wrong.",
            "Deze getallen verbeteren een eerdere vrijgave van deze ronde, waarvan de koppeling fout was.",
        ),
        Correction::Tables => language.of(
            "These numbers correct an earlier release of this round, which counted wrongly.",
            "Deze getallen verbeteren een eerdere vrijgave van deze ronde, die fout telde.",
        ),
    }
}

/// What the measure's own words mean.
const fn meaning(report: &Report) -> Option<(&'static str, &'static str)> {
    match report.measure {
        Measure::Sequence if report.per.is_some() => Some((
            "A client comes from one to another with the first contact with the later one, if no month \
             was in contact with both.",
            "Een cliënt komt van de ene naar de andere met het eerste contact bij de latere, als er \
             geen maand met beide contact was.",
        )),
        Measure::Sequence => Some((
            "At the same time: in contact with both in at least one month. Order unknown: a month that \
             would tell is missing.",
            "Gelijktijdig: minstens één maand met beide in contact. Volgorde onbekend: een maand die \
             het zou zeggen ontbreekt.",
        )),
        Measure::Trend => Some((
            "In care: in contact with at least one source in the period. First contact: the first of \
             all contacts with any source lies in the period.",
            "In zorg: in de periode met minstens één bron in contact. Eerste contact: het eerste van \
             alle contacten, bij welke bron ook, ligt in de periode.",
        )),
        Measure::Recidivism => Some((
            "Came back: between two contacts lie {gap} or more whole months without any.",
            "Teruggekomen: tussen twee contacten liggen {gap} of meer hele maanden zonder contact.",
        )),
        _ => None,
    }
}
