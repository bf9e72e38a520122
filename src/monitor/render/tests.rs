use samenloop_schema::{Digest, RoundId, RoundState};

use super::*;
use crate::population::{Estimate, Population, Stratum};
use crate::report::{
    Correction, Filter, Level, Line, Measure, Noise, Number, Order, Per, Period, Report, Returned,
    Row,
};
use crate::rounds::RoundLine;
use crate::words::Language::{En, Nl};

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn row(sources: &[&str], codes: &[Option<&str>], number: Option<(u64, u64, u64)>) -> Row {
    Row {
        sources: names(sources),
        source_count: None,
        order: None,
        period: None,
        line: None,
        returned: None,
        joint: true,
        share: None,
        codes: codes.iter().map(|code| code.map(str::to_owned)).collect(),
        number: number.map(|(count, low, high)| Number { count, low, high }),
    }
}

fn report(measure: Measure, by: &[&str], mut rows: Vec<Row>) -> Report {
    for row in &mut rows {
        row.joint = match measure {
            Measure::Sources => false,
            Measure::Recidivism => row.sources.is_empty(),
            _ => true,
        };
    }
    Report {
        round: RoundId([0xab; 32]),
        purpose: "How many people\nneed help\u{1b}[2J".to_owned(),
        release: Digest([1; 32]),
        correction: None,
        measure,
        types: false,
        per: None,
        by: names(by),
        filters: vec![],
        parties: names(&["ggd", "ggz", "opvang"]),
        units: names(&["ggd", "ggz", "opvang"]),
        return_gap: 6,
        noise: Noise {
            one_source: Level { max_noise: 5, variance: 3.0, threshold: 10 },
            joint: Level { max_noise: 28, variance: 64.0, threshold: 20 },
            looks: 16,
            no_small: 2,
            round_to: 1,
        },
        rows,
    }
}

fn patterns() -> Report {
    let rows = vec![
        row(&["ggd"], &[], Some((120, 115, 125))),
        row(&["ggd", "ggz"], &[], Some((61, 56, 61))),
        row(&["opvang"], &[], None),
        row(&["ggd", "ggz", "opvang"], &[], None),
    ];
    report(Measure::Patterns, &[], rows)
}

fn sequence() -> Report {
    let order = |order, number| Row { order: Some(order), ..row(&["ggd", "ggz"], &[], number) };
    let rows = vec![
        order(Order::Simultaneous, Some((36, 31, 41))),
        order(Order::FirstThen, Some((64, 64, 64))),
        order(Order::ThenFirst, None),
        order(Order::Unknown, None),
    ];
    report(Measure::Sequence, &[], rows)
}

#[test]
fn patterns_are_told_in_words_that_need_no_explanation() {
    let round = "ab".repeat(32);
    let expected = format!(
        "\
Unique clients by exactly which sources know them
Purpose of the round: How many people need help[2J
Sources: ggd, ggz and opvang
Round {round}

| clients                                  | number | low | high |
|------------------------------------------|--------|-----|------|
| known to ggd only                        |    120 | 115 |  125 |
| known to opvang only                     |   <20* |     |      |
| known to ggd and ggz, and to no one else |     61 |  56 |   61 |
| known to all: ggd, ggz and opvang        |   <20* |     |      |

<20*  Withheld: fewer than 20 clients with the deliberate deviation, perhaps none, or so nearly all clients of one source that it \
would tell something about each of them.
Numbers are people, each counted once. Every number is deliberately off by at most 28, typically by 8 \
or less, so that nobody can be singled out; rows therefore need not add up.
Low and high: how far the linkage's own doubts may move the number, 19 times out of 20. The \
deliberate deviation comes on top. People whom a registration shows too poorly to be recognised are put \
to others as often as they are expected to be missing."
    );
    assert_eq!(table(&patterns(), En), expected);
}

#[test]
fn every_measure_has_its_words() {
    let stacking = |count| Row { source_count: Some(count), ..row(&[], &[], None) };
    let cases: &[(Measure, Row, &str)] = &[
        (Measure::Unique, row(&[], &[], None), "known to any source"),
        (Measure::Sources, row(&["ggz"], &[], None), "known to ggz"),
        (Measure::Overlap, row(&["ggd", "ggz"], &[], None), "known to both ggd and ggz"),
        (Measure::Stacking, stacking(1), "known to 1 source"),
        (Measure::Stacking, stacking(3), "known to 3 sources"),
    ];
    for (measure, row, words) in cases {
        let text = table(&report(*measure, &[], vec![row.clone()]), En);
        assert!(text.lines().any(|line| line.starts_with(&format!("| {words} "))), "{text}");
    }
    let text = table(&sequence(), En);
    for words in [
        "| ggd and ggz at the same time |     36 |  31 |   41 |",
        "| first ggd, later ggz         |     64 |  64 |   64 |",
        "| first ggz, later ggd         |   <20* |",
        "| ggd and ggz, order unknown   |",
        "At the same time: in contact with both in at least one month.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

fn by_place() -> Report {
    let rows = vec![
        row(&[], &[None, Some("v")], None),
        Row {
            share: Some(300.0 / 550.0),
            ..row(&[], &[Some("Groningen"), Some("v")], Some((300, 290, 310)))
        },
        row(&[], &[Some("Groningen"), Some("m")], Some((250, 250, 250))),
    ];
    report(Measure::Unique, &["place", "sex"], rows)
}

#[test]
fn categories_are_columns_and_filters_keep_their_rows() {
    let text = table(&by_place(), En);
    assert!(
        text.starts_with("Unique clients of all sources together, by place and sex\n"),
        "{text}"
    );
    assert!(
        text.contains("| Groningen | v   |    300 | 290 |  310 |  55 % |")
            && text.contains(
                "| known to any source | Groningen | m   |    250 | 250 |  250 |       |"
            ),
        "{text}"
    );
    assert!(text.contains("| known to any source | (unknown) | v   |    <20 |"), "{text}");
    assert!(text.contains("(unknown): not filled in, or the sources"), "{text}");
    assert!(
        text.contains(
            "<20  Withheld: fewer than 20 clients with the deliberate deviation, perhaps none.\n"
        ),
        "{text}"
    );

    let filter = |text: &str| text.parse::<Filter>().expect("DIM=CODE");
    let mut kept = by_place();
    kept.keep(&filter("sex=v"), true).expect("a code of the list");
    kept.keep(&filter("place=unknown"), false).expect("the category without a code");
    let text = table(&kept, En);
    assert!(text.contains(", by place, where sex = v and place = unknown\n"), "{text}");
    assert_eq!(kept.rows, [row(&[], &[None], None)]);

    let refused = by_place().keep(&filter("sex=x"), true).map_err(|error| error.to_string());
    assert_eq!(refused, Err("sex has no code \"x\"; it has v, m".to_owned()));
    for bad in ["sex", "=v", "sex="] {
        assert!(bad.parse::<Filter>().is_err(), "{bad}");
    }
}

fn trend(per: Per) -> Report {
    let period = |month: u32, months| Period {
        first: format!("2025-{month:02}").parse().expect("a month"),
        months,
    };
    let row = |line, (period, number)| Row {
        line: Some(line),
        period: Some(period),
        ..row(&[], &[], number)
    };
    let numbers = [Some((40, 35, 45)), None, Some((25, 25, 25))];
    let periods = [period(1, 1), period(2, 1), period(3, 1)];
    let care = periods.into_iter().zip(numbers).map(|point| row(Line::InCare, point));
    let first = periods.into_iter().map(|period| row(Line::FirstContacts, (period, None)));
    Report { per: Some(per), ..report(Measure::Trend, &[], care.chain(first).collect()) }
}

#[test]
fn both_languages_have_words_for_every_measure() {
    let text = table(&trend(Per::Month), Nl);
    for words in [
        "Trend: cliënten in zorg en eerste contacten, per maand\n",
        "| in zorg, 2025-01        |     40 |   35 |   45 |",
        "| eerste contact, 2025-03 |    <20 |",
        "<20  Onderdrukt: met de opzettelijke afwijking minder dan 20 cliënten, misschien geen.",
        "In zorg: in de periode met minstens één bron in contact.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let returned = |returned| Row { returned: Some(returned), ..row(&["ggz"], &[], None) };
    let rows = vec![returned(Returned::CameBack), returned(Returned::Stayed), row(&[], &[], None)];
    let report = report(Measure::Recidivism, &[], rows);
    let (english, dutch) = (table(&report, En), table(&report, Nl));
    for words in [
        "came back to ggz ",
        "known to ggz without a gap ",
        "6 or more whole months",
        "|   <10* |",
        "|   <20* |",
        "all sources together is deliberately off by at most 28, typically by 8 or less, every number of \
         one source by at most 5, typically by 2 or less, so that",
    ] {
        assert!(english.contains(words), "{words}\n{english}");
    }
    for words in [
        "teruggekomen bij ggz ",
        "bij ggz zonder onderbreking ",
        "6 of meer hele maanden",
        "wijkt met opzet hoogstens 28, meestal 8 of minder af, elk getal van één bron hoogstens 5",
    ] {
        assert!(dutch.contains(words), "{words}\n{dutch}");
    }
    let quarter = Period { first: "2025-07".parse().expect("a month"), months: 3 };
    let year = Period { months: 12, first: "2025-01".parse().expect("a month") };
    assert_eq!((quarter.to_string(), year.to_string()), ("2025-Q3".to_owned(), "2025".to_owned()));
}

/// A drawing must be XML: every element closed, text escaped.
fn elements(svg: &str) -> Vec<String> {
    let mut open: Vec<&str> = vec![];
    let mut seen = vec![];
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').expect("a closed tag");
        let mut text = text.to_owned();
        for entity in ["&amp;", "&lt;", "&gt;", "&quot;"] {
            text = text.replace(entity, "");
        }
        assert!(!text.contains(['>', '&']), "{text}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => {
                let name = tag.split_whitespace().next().expect("a name");
                open.push(name);
                seen.push(name.to_owned());
            }
        }
    }
    assert!(open.is_empty(), "{open:?}");
    seen
}

#[test]
fn drawings_teach_how_they_are_read_and_mark_what_is_withheld() {
    let overlap = report(
        Measure::Overlap,
        &[],
        vec![
            row(&["ggd", "ggz"], &[], Some((61, 56, 66))),
            row(&["ggd", "opvang"], &[], Some((30, 30, 30))),
            row(&["ggz", "opvang"], &[], None),
        ],
    );
    let cases: &[(Report, &[&str], usize)] = &[
        (
            patterns(),
            &[
                "A filled dot: this",
                "For instance: 120 people are known to ggd only.",
                "120  [115–125]",
            ],
            2,
        ),
        (
            overlap,
            &[
                "Darker is more",
                "For instance: 61 people are known to both ggd and ggz.",
                "[",
                "66",
            ],
            1,
        ),
        (trend(Per::Month), &["In the grey band", "2025-01", "in care", "further lines"], 0),
        (sequence(), &["each bar is a number of people", "first ggd, later ggz"], 2),
    ];
    for (report, words, withheld) in cases {
        let drawing = svg(report, En);
        let seen = elements(&drawing);
        assert!(seen.iter().any(|name| name == "title") && seen[0] == "svg");
        assert!(!seen.iter().any(|name| name == "script" || name == "image"));
        for words in *words {
            assert!(drawing.contains(words), "{words}\n{drawing}");
        }
        let marks = drawing.matches(">&lt;20").count() - 1;
        assert_eq!(marks, *withheld, "and one in the legend: {drawing}");
        assert!(drawing.contains("deliberately off by at most 28"));
        let page = html(report, Nl);
        assert!(page.starts_with("<!DOCTYPE html>") && page.contains("Zo leest u dit"));
        assert!(page.contains("Getallen zijn mensen"), "{page}");
        assert!(!page.contains("http-equiv=\"refresh\"") && !page.contains("src="));
    }
    let mut hostile = patterns();
    hostile.purpose = "<script>alert(1)</script> & \"more\"".to_owned();
    elements(&svg(&hostile, En));
    assert!(!html(&hostile, En).contains("<script"));
}

#[test]
fn a_corrected_release_says_so() {
    let corrected = Report { correction: Some(Correction::Linkage), ..patterns() };
    let told = "correct an earlier release of this round, whose linkage was wrong";
    assert!(table(&corrected, En).contains(told) && !table(&patterns(), En).contains(told));
    let value: serde_json::Value =
        serde_json::from_str(&json(&corrected).expect("JSON")).expect("JSON");
    assert_eq!(value["correction"], "linkage");
}

#[test]
fn estimates_stand_side_by_side_with_what_they_assume() {
    let estimate = |estimator: &str, people| Estimate {
        estimator: estimator.to_owned(),
        people,
        low: people - 100,
        high: people + 100,
        linkage: (people - 200, people + 300),
    };
    let nothing = Stratum {
        codes: vec![None],
        refused: Some("an estimate needs at least 200 people".to_owned()),
        seen: None,
        lower_bound_only: false,
        withheld: 0,
        estimates: vec![],
    };
    let women = Stratum {
        codes: vec![Some("v".to_owned())],
        refused: None,
        seen: Some(1200),
        withheld: 2,
        estimates: vec![estimate("independence", 2000), estimate("chao", 2100)],
        ..nothing.clone()
    };
    let population = Population {
        round: RoundId([0xab; 32]),
        purpose: "How many".to_owned(),
        lists: names(&["ggd", "ggz", "opvang"]),
        by: names(&["sex"]),
        filters: vec![],
        correction: Some(Correction::Linkage),
        strata: vec![nothing, women],
    };
    let text = population_table(&population, En);
    for words in [
        "How many people there are, known or not, by sex\n",
        "sex (unknown)\nNo estimate: an estimate needs at least 200 people\n",
        "correct an earlier release",
        "1200 different people are known to a source. 2 withheld patterns were filled in",
        "| chao         | a lower bound: at least so many     |   2100 | 2000 | 2200 |           1900–2400 |",
        "rounded.",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
    let drawing = population_svg(&population, Nl);
    elements(&drawing);
    assert!(drawing.contains("Zo leest u dit") && drawing.contains("2100  [2000–2200]"));
    assert!(population_html(&population, En).contains("<td>independence</td>"));
    let csv = population_csv(&population).expect("CSV");
    assert!(csv.contains("v,1200,false,2,chao,2100,2000,2200,1900,2400,\n"), "{csv}");
    assert!(csv.contains(",,false,0,,,,,,,an estimate needs at least 200 people\n"), "{csv}");
    let json = population_json(&population).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value["strata"][1]["estimates"][0]["estimator"], "independence");
    assert_eq!(value["strata"][0]["seen"], serde_json::Value::Null);
}

#[test]
fn categories_are_drawn_below_each_other() {
    let drawing = svg(&by_place(), En);
    elements(&drawing);
    for words in ["place Groningen, sex v", "place (unknown), sex v"] {
        assert!(drawing.contains(words), "{words}\n{drawing}");
    }
    let codes: Vec<String> = (0..20).map(|code| code.to_string()).collect();
    let rows = codes.iter().map(|code| row(&[], &[Some(code)], None)).collect();
    let many = svg(&report(Measure::Unique, &["place"], rows), En);
    assert!(many.contains("8 further categories are not drawn"), "{many}");
}

#[test]
fn nothing_withheld_needs_no_legend_for_it() {
    let shown = report(Measure::Unique, &[], vec![row(&[], &[], Some((509, 500, 520)))]);
    assert!(!table(&shown, En).contains("Withheld"));
}

#[test]
fn json_has_every_number_with_what_it_counts() {
    let value: serde_json::Value =
        serde_json::from_str(&json(&sequence()).expect("JSON")).expect("JSON");
    assert_eq!(value["measure"], "sequence");
    assert_eq!(value["round"], "ab".repeat(32));
    assert_eq!(value["noise"]["one_source"]["max_noise"], 5);
    assert_eq!(value["noise"]["joint"]["variance"], 64.0);
    assert_eq!(value["noise"]["looks"], 16);
    assert_eq!(value["rows"][0]["max_noise"], 28);
    assert_eq!(value["rows"][0]["noise_variance"], 64.0);
    let shown = serde_json::json!({
        "sources": ["ggd", "ggz"], "order": "first_then", "max_noise": 28, "noise_variance": 64.0, "suppressed": false,
        "count": 64, "low": 64, "high": 64
    });
    let withheld = serde_json::json!({
        "sources": ["ggd", "ggz"], "order": "then_first", "max_noise": 28, "noise_variance": 64.0, "suppressed": true,
        "count": null, "low": null, "high": null
    });
    assert_eq!(value["rows"][1], shown);
    assert_eq!(value["rows"][2], withheld);

    let value: serde_json::Value =
        serde_json::from_str(&json(&by_place()).expect("JSON")).expect("JSON");
    assert_eq!(value["by"], serde_json::json!(["place", "sex"]));
    assert_eq!(value["rows"][0]["codes"], serde_json::json!({"place": null, "sex": "v"}));
}

#[test]
fn csv_has_one_line_per_number() {
    let expected = "\
clients,sources,number_of_sources,order,period,line,returned,suppressed,count,low,high,share,max_noise,noise_variance
ggd and ggz at the same time,ggd+ggz,,simultaneous,,,,false,36,31,41,,28,64
\"first ggd, later ggz\",ggd+ggz,,first_then,,,,false,64,64,64,,28,64
\"first ggz, later ggd\",ggd+ggz,,then_first,,,,true,,,,,28,64
\"ggd and ggz, order unknown\",ggd+ggz,,unknown,,,,true,,,,,28,64
";
    assert_eq!(csv(&sequence(), En).expect("CSV"), expected);
    let expected = "\
clients,sources,number_of_sources,order,period,line,returned,place,sex,suppressed,count,low,high,share,max_noise,noise_variance
known to any source,,,,,,,,v,true,,,,,28,64
known to any source,,,,,,,Groningen,v,false,300,290,310,0.545,28,64
known to any source,,,,,,,Groningen,m,false,250,250,250,,28,64
";
    assert_eq!(csv(&by_place(), En).expect("CSV"), expected);
}

#[test]
fn rounds_are_listed_in_each_format() {
    assert!(rounds_table(&[]).starts_with("There are no rounds"));
    let line = RoundLine {
        round: RoundId([0xab; 32]),
        state: RoundState::Released,
        purpose: "How many\npeople".to_owned(),
        parties: names(&["ggd", "ggz"]),
    };
    let lines = [line];
    let round = "ab".repeat(32);
    let text = rounds_table(&lines);
    assert!(
        text.ends_with(&format!("| {round} | released | ggd and ggz | How many people |")),
        "{text}"
    );
    let csv = rounds_csv(&lines).expect("CSV");
    assert_eq!(
        csv,
        format!("round,state,sources,purpose\n{round},released,ggd+ggz,\"How many\npeople\"\n")
    );
    let json = rounds_json(&lines).expect("JSON");
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(value[0]["state"], "released");
}
