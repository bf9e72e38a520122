//! Every published or recomputed value of `tests/vectors/estimation/estimates.csv`.

use super::*;

macro_rules! vectors {
    ($($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../tests/vectors/estimation/", $name, ".csv")))),*]
    };
}

const VECTORS: [(&str, &str); 16] = vectors![
    "artificial_3"
    "australia_4"
    "cbird_t11_nbcap"
    "congenital_mass_5"
    "diabetes_casale_4"
    "hare_6"
    "hav_taiwan_3"
    "kosovo_4"
    "lesbian_allegheny"
    "new_orleans_5"
    "new_orleans_8"
    "nl_illegal_immigrants_nbcap"
    "nl_immigrants_singlesource"
    "spina_bifida_3"
    "uk_slavery_5"
    "uk_slavery_6"
];

fn rows(name: &str) -> Vec<Vec<String>> {
    let found = VECTORS.iter().find(|(own, _)| *own == name);
    let (_, text) = found.unwrap_or_else(|| panic!("{name} is no vector"));
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text} is no number"))
}

fn histories(name: &str) -> Histories {
    let rows = rows(name);
    let lists = rows[0].len() - 1;
    let cells = rows[1..].iter().map(|row| {
        let set = (0..lists).filter(|list| row[*list] == "1").map(|list| 1 << list).sum();
        (set, number(&row[lists]))
    });
    Histories::new(lists, cells).expect("histories")
}

/// Within 0.1 %.
fn point(found: f64, wanted: f64, what: &str) {
    assert!((found / wanted - 1.0).abs() <= 1e-3, "{what}: {found} instead of {wanted}");
}

/// Within 1 %.
fn ends(found: Interval, wanted: [f64; 2], what: &str) {
    for (found, wanted) in [found.low, found.high].into_iter().zip(wanted) {
        assert!((found / wanted - 1.0).abs() <= 1e-2, "{what}: {found} instead of {wanted}");
    }
}

fn fit(name: &str, pairs: &[(usize, usize)]) -> LogLinear {
    let terms = Terms { pairs: pairs.to_vec(), darroch: false };
    LogLinear::fit(&histories(name), &terms).expect(name)
}

#[test]
fn independence_gives_the_published_points_and_profile_intervals() {
    let cases = [
        ("uk_slavery_5", 13_444.131, [12_004.026, 15_160.333]),
        ("new_orleans_5", 1_034.151, [673.493, 1_771.305]),
        ("australia_4", 827.167, [725.499, 964.045]),
    ];
    for (name, n, profile) in cases {
        let model = fit(name, &[]);
        point(model.population(), n, name);
        ends(model.profile(), profile, name);
    }
    let multinomial = [
        ("lesbian_allegheny", 3_738.47, [3_559.4, 3_933.2]),
        ("hav_taiwan_3", 388.48, [350.3, 435.4]),
        ("kosovo_4", 7_394.59, [7_147.7, 7_656.2]),
    ];
    for (name, n, profile) in multinomial {
        let model = fit(name, &[]);
        point(model.population(), n, name);
        ends(model.multinomial_profile(), profile, name);
    }
    let exact = fit("uk_slavery_5", &[]).profile();
    assert!((exact.low - 12_003.997).abs() < 0.01 && (exact.high - 15_160.291).abs() < 0.01);
}

#[test]
fn stepwise_selection_finds_the_published_terms() {
    type Case = (&'static str, f64, Option<[f64; 2]>, Option<&'static [(usize, usize)]>);
    let cases: &[Case] = &[
        (
            "uk_slavery_5",
            11_312.990,
            Some([9_884.40, 13_027.40]),
            Some(&[(0, 1), (0, 2), (1, 3), (1, 4), (2, 4), (3, 4)]),
        ),
        ("uk_slavery_6", 11_417.99, Some([9_977.3, 13_145.7]), None),
        ("new_orleans_5", 1_034.151, None, Some(&[])),
        ("australia_4", 6_496.009, None, Some(&[(0, 1), (1, 2), (1, 3)])),
    ];
    for (name, n, wald, pairs) in cases {
        let model = stepwise(&histories(name)).expect(name);
        point(model.population(), *n, name);
        if let Some(wald) = wald {
            ends(model.wald(), *wald, name);
            ends(model.profile(), *wald, name);
        }
        if let Some(pairs) = pairs {
            assert_eq!(model.terms.pairs, *pairs, "{name}");
        }
    }
    assert!((stepwise(&histories("uk_slavery_5")).expect("a fit").deviance - 16.3514).abs() < 1e-4);
}

#[test]
fn other_log_linear_models_agree_with_their_publications() {
    // Aaron et al. (2003): 7,031 (5,850 to 8,576).
    let terms = Terms { pairs: vec![(0, 1), (0, 2), (0, 3)], darroch: true };
    let model = LogLinear::fit(&histories("lesbian_allegheny"), &terms).expect("a fit");
    point(model.population(), 7_030.66, "Darroch");
    assert!((model.standard_error() - 687.21).abs() < 0.1);
    ends(model.multinomial_profile(), [5_836.8, 8_558.7], "Darroch");
    ends(model.multinomial_profile(), [5_850.0, 8_576.0], "Darroch, as published");
    // The published terms are also those of least AIC.
    let chosen = heterogeneity(&histories("lesbian_allegheny")).expect("a fit");
    assert_eq!(chosen.terms, terms);

    let model = fit("spina_bifida_3", &[(1, 2)]);
    point(model.population(), 730.93, "death:rehab");
    ends(model.multinomial_profile(), [699.8, 766.5], "death:rehab");
    let model = fit("spina_bifida_3", &[(0, 1), (1, 2)]);
    point(model.population(), 758.32, "birth:death, death:rehab");
    ends(model.multinomial_profile(), [713.2, 813.8], "birth:death, death:rehab");
    let model = fit("hav_taiwan_3", &[(0, 1), (0, 2), (1, 2)]);
    point(model.population(), 1_312.76, "saturated");
    ends(model.wald(), [664.9, 3_026.3], "saturated");

    let models = two_way(&histories("diabetes_casale_4")).expect("models");
    assert_eq!(models.models, 64);
    point(models.bic.population(), 2_472.2, "BIC");
    ends(models.bic.wald(), [2_386.0, 2_582.0], "BIC");
    point(models.aic.population(), 2_771.2, "AIC");
    ends(models.aic.wald(), [2_541.0, 3_115.0], "AIC");
    let models = two_way(&histories("kosovo_4")).expect("models");
    point(models.aic.population(), 14_341.66, "AIC");
    ends(models.aic.wald(), [12_541.3, 16_540.2], "AIC");
}

#[test]
fn averaging_over_decomposable_graphs_gives_the_published_posteriors() {
    let cases = [
        ("uk_slavery_5", 822, 23_016.0, [10_408.0, 33_481.0]),
        ("new_orleans_5", 822, 869.0, [514.0, 1_763.0]),
        ("australia_4", 61, 2_255.0, [1_186.0, 7_314.0]),
    ];
    for (name, graphs, n, interval) in cases {
        let histories = histories(name);
        let prior = Prior::vague(histories.lists());
        let posterior = Posterior::over(&histories, prior, wide_grid(&histories)).expect(name);
        assert_eq!(posterior.graphs().0, graphs, "{name}");
        let found = posterior.population();
        for (found, wanted) in [found.n, found.interval.low, found.interval.high].iter().zip([
            n,
            interval[0],
            interval[1],
        ]) {
            assert!((found - wanted).abs() < 0.51, "{name}: {found} instead of {wanted}");
        }
    }
    let fine = [
        ("diabetes_casale_4", 2_471.0, [2_376.0, 2_589.0]),
        ("kosovo_4", 12_595.0, [9_827.0, 16_544.0]),
    ];
    for (name, n, interval) in fine {
        let found = average(&histories(name)).expect(name);
        point(found.n, n, name);
        ends(found.interval, interval, name);
    }
    assert!(average(&histories("hare_6")).is_none());
}

#[test]
fn closed_forms_give_the_published_values() {
    let frequencies: Vec<f64> =
        rows("nl_illegal_immigrants_nbcap")[1..].iter().map(|row| number(&row[1])).collect();
    let bound = chao(&frequencies, None).expect("someone was met twice");
    point(bound.n, 9_273.5, "Chao");
    ends(bound.interval, [8_084.7, 10_690.1], "Chao");
    assert!(chao_bias_corrected(&frequencies, None).n < bound.n);
    assert!(chao(&[30.0], None).is_none());

    let found = coverage(&histories("hav_taiwan_3")).expect("an overlap");
    point(found.independent, 407.0, "N0");
    point(found.high.expect("three lists"), 970.8, "HSC");
    point(found.low.expect("three lists"), 507.8, "LSC");
    let found = coverage(&histories("congenital_mass_5")).expect("an overlap");
    point(found.independent, 629.5, "N0");

    // Seber (1982): 200 marked, 250 caught, 50 of them marked.
    let two = Histories::new(2, [(1, 150.0), (2, 200.0), (3, 50.0)]).expect("histories");
    let found = chapman(&two).expect("two lists");
    point(found.n, 201.0 * 251.0 / 51.0 - 1.0, "Chapman");
    assert!(found.interval.low > 400.0 && found.interval.high < 1_300.0);
    assert!(chapman(&histories("hav_taiwan_3")).is_none());
}

#[test]
fn repeated_meetings_give_the_published_values() {
    let frequencies: Vec<f64> =
        rows("cbird_t11_nbcap")[1..].iter().map(|row| number(&row[1])).collect();
    let cases = [
        (11, Heterogeneity::None, 20.34),
        (11, Heterogeneity::Gamma(3.5), 24.71),
        (5, Heterogeneity::None, 21.28),
    ];
    for (fitted, heterogeneity, wanted) in cases {
        let found = occasions(&frequencies, 11, fitted, heterogeneity).expect("a fit");
        point(found.n, wanted, "cbird");
    }

    let rows = rows("nl_immigrants_singlesource");
    let mut known = vec![Vec::<String>::new(); 4];
    let mut level = |covariate: usize, name: &String| {
        let names = &mut known[covariate];
        names.iter().position(|own| own == name).unwrap_or_else(|| {
            names.push(name.clone());
            names.len() - 1
        })
    };
    let met = rows[1..].iter().map(|row| Met {
        times: number(&row[0]) as u32,
        levels: (0..4).map(|covariate| level(covariate, &row[covariate + 1])).collect(),
        count: number(&row[5]),
    });
    let register = Register::new(met.collect()).expect("a register");
    let found = register.truncated_poisson_by_aic().expect("a fit");
    assert_eq!(found.covariates, [0, 1, 3], "gender, age, nation");
    point(found.population.n, 12_690.35, "zero-truncated Poisson");
    ends(found.population.interval, [7_186.449, 18_194.25], "zero-truncated Poisson");
    assert!((found.standard_error - 2_808.165).abs() < 0.01);
}

#[test]
fn a_model_without_a_maximum_says_why() {
    // SparseMSE's example: codes 2, 1 and 0.
    let histories = histories("artificial_3");
    let population = |pairs: &[(usize, usize)]| {
        let terms = Terms { pairs: pairs.to_vec(), darroch: false };
        LogLinear::fit(&histories, &terms).map(|model| model.population().round())
    };
    assert_eq!(population(&[(0, 1), (0, 2), (1, 2)]), Err(NoEstimate::NotIdentified));
    assert_eq!(population(&[(0, 1)]), Err(NoEstimate::NotFinite));
    assert_eq!(population(&[(0, 2), (1, 2)]), Ok(296.0));
}

#[test]
fn every_estimator_has_a_name_and_stands_beside_the_others() {
    let names = |name: &str| -> Vec<&str> {
        estimates(&histories(name)).iter().map(|estimate| estimate.estimator).collect()
    };
    let usual = ["independence", "stepwise", "aic", "bic", "aic-range", "bma", "chao"];
    let found = names("hav_taiwan_3");
    for name in usual.iter().chain(&["chao-bias-corrected", "coverage", "coverage-low"]) {
        assert!(found.contains(name), "{name} among {found:?}");
    }
    let eight = names("new_orleans_8");
    assert!(eight.contains(&"stepwise") && !eight.contains(&"bma"), "{eight:?}");
}

#[test]
fn gates_refuse_where_lists_hardly_meet() {
    assert_eq!(gates(&histories("kosovo_4")), Ok(()));
    assert_eq!(gates(&histories("new_orleans_5")), Err(TooLittle::Overlap(0)));
    assert_eq!(gates(&histories("hare_6")), Err(TooLittle::People));
    let spread = fit("australia_4", &[(0, 1), (1, 2), (1, 3)]).profile();
    assert_eq!(firm(spread), Err(TooLittle::Spread));
    assert_eq!(firm(fit("australia_4", &[]).profile()), Ok(()));
}

/// What a release with threshold 10 shows of histories, without noise.
fn released(histories: &Histories) -> (Vec<Option<u32>>, Vec<Option<u32>>) {
    let shown = |count: f64| (count >= 10.0).then_some(count as u32);
    let sources = (0..histories.lists()).map(|list| shown(histories.on_all(1 << list)));
    (histories.cells().map(|(_, count)| shown(count)).collect(), sources.collect())
}

fn hidden_of(histories: &Histories) -> Result<Hidden, TooLittle> {
    let (counts, sources) = released(histories);
    let lists = histories.lists();
    hidden(
        &ReleasedPatterns {
            lists,
            counts: &counts,
            sources: &sources,
            threshold: 10,
            variance: 0.0,
            source_variance: 0.0,
        },
        &USUAL_ERRORS,
    )
}

#[test]
fn a_release_gives_rounded_estimates_with_a_band() {
    let found = hidden_of(&histories("kosovo_4")).expect("estimates");
    assert_eq!((found.seen, found.withheld, found.lower_bound_only), (4_400, 0, false));
    let of = |name: &str| found.estimates.iter().find(|own| own.estimator == name).expect("there");
    let independence = of("independence");
    assert_eq!((independence.n, independence.low, independence.high), (7_390, 7_100, 7_700));
    assert_eq!(of("stepwise").n, 14_300);
    // Missed links alone would have made the population look larger than it is.
    assert!(independence.linkage.0 < independence.n && independence.linkage.1 > independence.n);
}

#[test]
fn an_interval_holds_the_noise_of_the_counts() {
    // Two lists of 900 and 800 people who share 300; ∂n/∂m of Chapman's estimate is −n/m, nearly.
    let histories = Histories::new(2, [(1, 600.0), (2, 500.0), (3, 300.0)]).expect("histories");
    let (counts, sources) = released(&histories);
    let interval = |variance: f64| {
        let (lists, threshold) = (2, 10);
        let patterns = ReleasedPatterns {
            lists,
            counts: &counts,
            sources: &sources,
            threshold,
            variance,
            source_variance: 0.0,
        };
        let found = hidden(&patterns, &USUAL_ERRORS).expect("estimates").estimates;
        let chapman = found.into_iter().find(|own| own.estimator == "independence");
        let chapman = chapman.expect("there");
        (chapman.n as f64, (chapman.high - chapman.low) as f64 / 2.0)
    };
    let ((n, plain), (same, noisy)) = (interval(0.0), interval(400.0));
    assert!((n - same).abs() < 1e-9);
    // n = n1 n2 / m: the slopes by the three counts.
    let slopes = [800.0 / 300.0, 900.0 / 300.0, (900.0 + 800.0) / 300.0 - 2_400.0 / 300.0];
    let added: f64 = slopes.iter().map(|slope: &f64| slope * slope * 400.0).sum();
    let expected = (plain * plain + 1.96 * 1.96 * added).sqrt();
    // Ends are rounded outward to two digits of thousands.
    assert!((noisy - expected).abs() < 110.0, "{noisy}, not {expected}; {plain} without noise");
    assert!(noisy > plain + 30.0);
}

#[test]
fn withheld_patterns_are_taken_as_small_not_as_empty() {
    // 111 is 4 people, withheld; taken as 0 it would distort the model.
    let cells = [(1, 400.0), (2, 300.0), (4, 200.0), (3, 60.0), (5, 40.0), (6, 30.0), (7, 6.0)];
    let truth = Histories::new(3, cells).expect("histories");
    let (with, found) =
        (LogLinear::fit(&truth, &Terms::default()), hidden_of(&truth).expect("estimates"));
    assert_eq!(found.withheld, 1);
    let independence = found.estimates.iter().find(|own| own.estimator == "independence");
    let (found, with) = (independence.expect("there").n as f64, with.expect("a fit").population());
    assert!((found / with - 1.0).abs() < 0.02, "{found} instead of {with}");
}

#[test]
fn a_release_that_cannot_carry_an_estimate_says_why() {
    let of = |cells: &[(usize, f64)]| {
        hidden_of(&Histories::new(3, cells.iter().copied()).expect("histories"))
    };
    let lonely = of(&[(1, 400.0), (2, 300.0), (4, 200.0), (3, 60.0), (5, 3.0), (6, 2.0)]);
    assert_eq!(lonely.err(), Some(TooLittle::Overlap(2)));
    let few = of(&[(1, 20.0), (2, 20.0), (4, 20.0), (7, 15.0)]);
    assert_eq!(few.err(), Some(TooLittle::People));
    // All of the third list is known to the second: the insider rule withholds it, large as it is.
    let histories = Histories::new(3, [(1, 400.0), (2, 300.0), (3, 80.0), (7, 50.0), (6, 150.0)]);
    let (mut counts, sources) = released(&histories.expect("histories"));
    counts[6 - 1] = None;
    let patterns = ReleasedPatterns {
        lists: 3,
        counts: &counts,
        sources: &sources,
        threshold: 10,
        variance: 0.0,
        source_variance: 0.0,
    };
    assert_eq!(hidden(&patterns, &[]).err(), Some(TooLittle::Withheld(1)));
}

#[test]
fn histories_that_are_none_are_refused() {
    assert_eq!(Histories::new(1, [(1, 1.0)]), Err(BadHistories::Lists(1)));
    assert_eq!(Histories::new(2, [(0, 1.0)]), Err(BadHistories::Set(0)));
    assert_eq!(Histories::new(2, [(4, 1.0)]), Err(BadHistories::Set(4)));
    assert_eq!(Histories::new(2, [(1, -1.0)]), Err(BadHistories::Count(1)));
    assert_eq!(Histories::new(2, [(1, 0.0)]), Err(BadHistories::Empty));
}
