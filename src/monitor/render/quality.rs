//! How good the linkage is, in words.

use comfy_table::{CellAlignment, Table, presets};

use super::{percent, plain};
use crate::quality::{Part, Quality, SourceQuality};
use crate::words::Language;

fn number(clients: Option<u64>) -> String {
    clients.map_or_else(|| "– ¹".to_owned(), |clients| clients.to_string())
}

/// A code of a list of the linkage. The names of encodings are the round's own and stay as they are.
fn code(part: &Part, language: Language) -> String {
    let Some(code) = part.code.as_deref() else {
        return language.of("(unknown)", "(onbekend)").to_owned();
    };
    if language == Language::En {
        return plain(code);
    }
    match code {
        "complete" => "volledig".to_owned(),
        "too little to link" => "te weinig om te koppelen".to_owned(),
        "several missing" => "verschillende ontbreken".to_owned(),
        "agree" => "stemmen overeen".to_owned(),
        "contradict" => "spreken elkaar tegen".to_owned(),
        _ => match code.strip_prefix("no ") {
            Some(encoding) => format!("geen {}", plain(encoding)),
            None => plain(code)
                .replace(" to ", " tot ")
                .replace("under", "onder")
                .replace("or more", "of meer"),
        },
    }
}

fn list(head: [&str; 2], parts: &[Part], language: Language) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(head);
    for part in parts.iter().filter(|part| part.code.is_some() || part.clients.is_some()) {
        table.add_row([code(part, language), number(part.clients)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

fn sources(quality: &Quality, language: Language) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header([
        language.of("source", "bron"),
        language.of("registrations", "registraties"),
        language.of("clients", "cliënten"),
        language.of("registered again", "opnieuw geregistreerd"),
        language.of("clients whose registrations lack", "cliënten in wier registraties ontbreekt"),
    ]);
    for source in &quality.sources {
        table.add_row([
            plain(&source.source),
            format!("~{}", source.registrations),
            number(source.clients),
            source.duplicates.map_or_else(String::new, percent),
            lacking(source, language),
        ]);
    }
    for place in 1..4 {
        if let Some(column) = table.column_mut(place) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn lacking(source: &SourceQuality, language: Language) -> String {
    let told = source.information.iter().filter_map(|part| {
        let clients = part.clients.filter(|_| part.code.as_deref() != Some("complete"))?;
        part.code.as_ref().map(|_| format!("{}: {clients}", code(part, language)))
    });
    told.collect::<Vec<_>>().join("; ")
}

/// The report for people.
#[must_use]
pub fn quality_table(quality: &Quality, language: Language) -> String {
    let share = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    let clients = language.of("clients", "cliënten");
    let part = |english, dutch, parts: &[Part]| {
        list([language.of(english, dutch), clients], parts, language)
    };
    let paragraphs = [
        format!(
            "{}\n{} {}\n{}: {}\n{}: {}\n{}: {}",
            language.of("How good the linkage is", "Hoe goed de koppeling is"),
            language.of("Round", "Ronde"),
            quality.round,
            language.of("Clients", "Cliënten"),
            number(quality.clients),
            language.of(
                "Estimated precision (of a client's registrations, the share that is its own)",
                "Geschatte precisie (van de registraties van een cliënt het deel dat van die cliënt is)"
            ),
            share(quality.precision),
            language.of(
                "Estimated recall (of a client's registrations, the share that was found)",
                "Geschatte volledigheid (van de registraties van een cliënt het deel dat is gevonden)"
            ),
            share(quality.recall),
        ),
        part("own registrations", "eigen registraties", &quality.by_precision),
        part("found registrations", "gevonden registraties", &quality.by_recall),
        part("registrations", "registraties", &quality.by_registrations),
        part("birth dates", "geboortedata", &quality.by_births),
        sources(quality, language),
        language
            .of(
                "Look into: clients with very many registrations or birth dates that contradict each other \
                 (strangers may have been taken for one person), and sources whose registrations lack \
                 much (their clients are found elsewhere less often). Every partner sees in its own report \
                 which rows lack what.\n\
                 ¹ Withheld: few clients, or hardly any but those of one source. Numbers are of clients, with deliberate noise of at most {joint} (of each source: {own}); \
                 shares are computed from them. Nothing else is known of how clients were put together.",
                "Let op: cliënten met heel veel registraties of geboortedata die elkaar tegenspreken \
                 (onbekenden kunnen voor één mens zijn aangezien), en bronnen waarin veel ontbreekt (hun \
                 cliënten worden elders minder vaak gevonden). Elke partner ziet in het eigen verslag welke \
                 rijen wat missen.\n\
                 ¹ Onderdrukt: weinig cliënten, of vrijwel alleen die van één bron. Getallen zijn van cliënten, met opzettelijke ruis van hoogstens {joint} (per bron: {own}); \
                 delen zijn daaruit berekend. Meer is niet bekend over hoe cliënten zijn samengesteld.",
            )
            .replace("{joint}", &quality.noise.joint.max_noise.to_string())
            .replace("{own}", &quality.noise.one_source.max_noise.to_string()),
    ];
    paragraphs.join("\n\n")
}

/// The report as JSON. A withheld number is null.
pub fn quality_json(quality: &Quality) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(quality)
}

#[cfg(test)]
mod tests {
    use samenloop_schema::linkage_lists::{BANDS, BIRTHS_CODES, INFORMATION_CODES, SIZES, missing};

    use super::*;

    #[test]
    fn every_code_has_dutch_words() {
        let fixed = INFORMATION_CODES.into_iter().chain(BIRTHS_CODES);
        let named = fixed.chain(SIZES.map(|(name, _)| name)).chain(BANDS.map(|band| band.name));
        let codes = named.map(str::to_owned).chain([missing("names")]);
        for name in codes {
            let part = Part { code: Some(name.clone()), clients: None };
            assert_eq!(code(&part, Language::En), name);
            let dutch = code(&part, Language::Nl);
            let letters = name.chars().any(char::is_alphabetic);
            assert_eq!(dutch == name, !letters, "{name}: {dutch}");
        }
    }
}
