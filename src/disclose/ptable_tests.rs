use super::*;

const REFERENCE: &str = include_str!("../../tests/vectors/disclosure/ptable_reference.csv");

fn shape(case: &str) -> NoiseShape {
    let known = NoiseShape::new;
    match case {
        "D2_V1" => known(2, 1.0, 0),
        "D2_V0.9" => known(2, 0.9, 0),
        "D2_V1.05_js1_mono=T,T,F,T (pt_ex_cnts)" => {
            NoiseShape { rising: vec![true, true, false, true], ..known(2, 1.05, 1) }
        }
        "D5_V3_js0" => known(5, 3.0, 0),
        "D5_V3_js2" => known(5, 3.0, 2),
        "D5_V3_js2_pstay0.5" => NoiseShape { stay: vec![0.5], ..known(5, 3.0, 2) },
        "D9_V8_js4" => known(9, 8.0, 4),
        _ => panic!("the file holds a case that no test knows: {case}"),
    }
}

/// `case,source,i,j,v,p`, the case quoted where it holds commas.
fn reference() -> Vec<(String, Transition)> {
    let lines = REFERENCE.lines().skip(1);
    let entries = lines.map(|line| {
        let (case, rest) = match line.strip_prefix('"') {
            Some(quoted) => quoted.split_once("\",").expect("a closing quote"),
            None => line.split_once(',').expect("a comma"),
        };
        let columns: Vec<&str> = rest.split(',').collect();
        let [_, i, j, _, p] = columns[..] else { panic!("six columns: {line}") };
        let number = |text: &str| text.parse::<u32>().expect("a count");
        let probability = p.parse().expect("a probability");
        (case.to_owned(), Transition { from: number(i), to: number(j), probability })
    });
    entries.collect()
}

#[test]
fn every_published_table_is_reproduced() {
    let reference = reference();
    let mut cases: Vec<&str> = reference.iter().map(|(case, _)| case.as_str()).collect();
    cases.dedup();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let table = PerturbationTable::new(&shape(case)).expect(case);
        let expected: Vec<_> = reference.iter().filter(|(name, _)| name == case).collect();
        assert_eq!(table.transitions().count(), expected.len(), "{case}");
        for (found, (_, wanted)) in table.transitions().zip(expected) {
            assert_eq!((found.from, found.to), (wanted.from, wanted.to), "{case}");
            let difference = (found.probability - wanted.probability).abs();
            assert!(difference <= 1e-7, "{case}: {found:?} instead of {wanted:?}");
        }
    }
}

#[test]
fn a_stay_that_the_variance_does_not_allow_gives_way() {
    let shape = NoiseShape { stay: vec![0.8, 0.9, 0.9, 0.9], ..NoiseShape::new(4, 1.5, 0) };
    let table = PerturbationTable::new(&shape).expect("a table");
    let stays = table.transitions().filter(|t| t.from > 0 && t.from == t.to);
    for (found, wanted) in stays.zip([0.38585, 0.60, 0.70, 0.80]) {
        assert!((found.probability - wanted).abs() < 1e-5, "{found:?}, not {wanted}");
    }
}

#[test]
fn bad_shapes_are_refused_with_the_reason() {
    let cases = [
        (NoiseShape::new(5, 3.0, 3), "a true count of 1 cannot be perturbed with mean 0"),
        (NoiseShape::new(0, 3.0, 0), "max_noise must be"),
        (NoiseShape::new(5, 0.0, 0), "variance must be"),
        (NoiseShape::new(5, f64::NAN, 0), "variance must be"),
        (NoiseShape::new(5, 3.0, 5), "no_small must be"),
        (NoiseShape { stay: vec![1.0], ..NoiseShape::new(5, 3.0, 2) }, "stay must be"),
    ];
    for (shape, message) in cases {
        let error = PerturbationTable::new(&shape).err().map(|error| error.to_string());
        assert!(error.as_ref().is_some_and(|text| text.contains(message)), "{shape:?}: {error:?}");
    }
}

/// Uniform keys from a counter: the distribution of a draw, without any secret.
fn keys(count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(|place| {
        let digest = samenloop_schema::Digest::of(&place.to_be_bytes()).0;
        digest[..8].iter().fold(0, |key, byte| key << 8 | u64::from(*byte))
    })
}

#[test]
fn draws_have_mean_0_the_variance_and_the_row_s_distribution() {
    const DRAWS: u64 = 40_000;
    let table = PerturbationTable::new(&NoiseShape::new(5, 3.0, 2)).expect("a table");
    for count in [1_u32, 2, 4, 9, 500] {
        let mut tally = std::collections::BTreeMap::<u32, f64>::new();
        for key in keys(DRAWS) {
            *tally.entry(table.perturb(count, key)).or_default() += 1.0;
        }
        let moment = |power| -> f64 {
            let each =
                tally.iter().map(|(to, n)| n * (f64::from(*to) - f64::from(count)).powi(power));
            each.sum::<f64>() / DRAWS as f64
        };
        assert!(moment(1).abs() < 0.05, "{count}: mean {}", moment(1));
        assert!((moment(2) - 3.0).abs() < 0.15, "{count}: variance {}", moment(2));
        let row = count.min(8);
        let expected = table
            .transitions()
            .filter(|t| t.from == row)
            .map(|t| (t.to + count - row, t.probability * DRAWS as f64));
        let expected: Vec<_> = expected.filter(|(_, n)| *n >= 5.0).collect();
        let chi2: f64 = expected
            .iter()
            .map(|(to, n)| (tally.get(to).copied().unwrap_or(0.0) - n).powi(2) / n)
            .sum();
        // 10 degrees of freedom at most: 29.6 is the 0.1 % point.
        assert!(chi2 < 29.6, "{count}: chi-square {chi2}");
        assert!(tally.keys().all(|to| *to == 0 || *to > 2), "{tally:?}");
    }
    assert_eq!(table.perturb(0, u64::MAX), 0);
}
