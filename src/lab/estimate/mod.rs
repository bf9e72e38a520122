//! Population estimates from any study's capture histories, by the very code that a release uses.

pub mod command;
mod read;

use samenloop_disclose::estimate::{
    Estimate, Heterogeneity, Histories, Interval, LinkageErrors, Population, Register, chao,
    chao_bias_corrected, estimates, firm, gates, occasions,
};
use serde::Serialize;

pub use read::{Study, study};

/// What the command prints as JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Names of the lists, or of the covariates of one register.
    pub columns: Vec<String>,
    /// Different people seen.
    pub seen: f64,
    /// Side by side.
    pub estimates: Vec<Line>,
    /// What these numbers cannot carry, in words; empty when every gate is passed.
    pub cautions: Vec<String>,
}

/// One estimator's answer, in people.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// Its name.
    pub estimator: String,
    /// The estimate.
    pub n: f64,
    /// Low end of the 95 % interval.
    pub low: Option<f64>,
    /// High end; absent where the data set no bound.
    pub high: Option<f64>,
    /// Which lists depend on each other, or which covariates matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<Vec<String>>,
    /// Other 95 % intervals of a log-linear model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervals: Option<Intervals>,
    /// Least and largest estimate over the linkage errors asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linkage: Option<[f64; 2]>,
}

/// 95 % intervals of one model by method, low and high; none is unbounded.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Intervals {
    /// Normal log of the unseen.
    pub wald: [Option<f64>; 2],
    /// Deviance as a function of the intercept.
    pub profile: [Option<f64>; 2],
    /// Multinomial likelihood as a function of the population.
    pub multinomial: [Option<f64>; 2],
}

fn pair(interval: Interval) -> [Option<f64>; 2] {
    [interval.low, interval.high].map(|end| end.is_finite().then_some(end))
}

impl Line {
    fn closed(estimator: &str, found: Population) -> Self {
        let [low, high] = pair(found.interval);
        let estimator = estimator.to_owned();
        Self { estimator, n: found.n, low, high, terms: None, intervals: None, linkage: None }
    }

    fn of(
        estimate: &Estimate,
        names: &[String],
        histories: &Histories,
        errors: &[LinkageErrors],
    ) -> Self {
        let [low, high] = estimate.interval.map_or([None; 2], pair);
        let model = estimate.model.as_ref();
        let terms = model.map(|model| {
            let pairs = model.terms.pairs.iter();
            pairs.map(|(a, b)| format!("{}:{}", names[*a], names[*b])).collect()
        });
        let intervals = model.map(|model| Intervals {
            wald: pair(model.wald()),
            profile: pair(model.profile()),
            multinomial: pair(model.multinomial_profile()),
        });
        let band = estimate.linkage_band(histories, errors).filter(|_| !errors.is_empty());
        let linkage = band.map(|(low, high)| [low, high]);
        let estimator = estimate.estimator.to_owned();
        Self { estimator, n: estimate.n, low, high, terms, intervals, linkage }
    }
}

/// Estimates from lists; `errors` spans the linkage errors that may have been made.
#[must_use]
pub fn of_lists(names: &[String], histories: &Histories, errors: &[LinkageErrors]) -> Report {
    let found = estimates(histories);
    let mut cautions: Vec<String> =
        gates(histories).err().into_iter().map(|gate| gate.to_string()).collect();
    let models = || found.iter().filter(|own| own.model.is_some()).filter_map(|own| own.interval);
    if !models().any(|interval| firm(interval).is_ok()) {
        cautions.push("no model stands firm: read the estimates as lower bounds".to_owned());
    }
    if errors.iter().any(|errors| errors.correct(histories).is_none()) {
        cautions.push(
            "the largest linkage errors explain every overlap: nothing is left to estimate from"
                .to_owned(),
        );
    }
    Report {
        columns: names.to_vec(),
        seen: histories.seen(),
        estimates: found
            .iter()
            .map(|estimate| Line::of(estimate, names, histories, errors))
            .collect(),
        cautions,
    }
}

/// Estimates from one register; `most` is the number of occasions on which it could meet people.
#[must_use]
pub fn of_register(names: &[String], register: &Register, most: Option<usize>) -> Report {
    let frequencies = register.frequencies();
    let mut estimates = vec![];
    let mut add = |name: &str, found: Option<Population>| {
        estimates.extend(found.map(|found| Line::closed(name, found)));
    };
    add("chao", chao(&frequencies, most));
    add("chao-bias-corrected", Some(chao_bias_corrected(&frequencies, most)));
    if let Some(most) = most {
        add("m0", occasions(&frequencies, most, most, Heterogeneity::None));
        add("mh-gamma", occasions(&frequencies, most, most, Heterogeneity::Gamma(3.5)));
    }
    add("truncated-poisson", register.truncated_poisson(&[]).map(|found| found.population));
    if let Some(found) =
        register.truncated_poisson_by_aic().filter(|own| !own.covariates.is_empty())
    {
        let terms = found.covariates.iter().map(|place| names[*place].clone()).collect();
        let line = Line::closed("truncated-poisson-covariates", found.population);
        estimates.push(Line { terms: Some(terms), ..line });
    }
    let seen = frequencies.iter().sum();
    Report { columns: names.to_vec(), seen, estimates, cautions: vec![] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Report {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/estimation");
        match study(&std::path::Path::new(folder).join(name)).expect(name) {
            Study::Lists { names, histories } => of_lists(&names, &histories, &[]),
            Study::Register { names, register } => of_register(&names, &register, None),
        }
    }

    fn line<'a>(report: &'a Report, estimator: &str) -> &'a Line {
        let found = report.estimates.iter().find(|line| line.estimator == estimator);
        found.unwrap_or_else(|| panic!("no {estimator} in {report:?}"))
    }

    #[test]
    fn each_published_form_is_read() {
        let lists = of("uk_slavery_5.csv");
        assert_eq!((lists.columns.len(), lists.seen), (5, 2_744.0));
        assert!((line(&lists, "independence").n - 13_444.131).abs() < 0.01);
        let stepwise = line(&lists, "stepwise").terms.clone().expect("a model");
        assert_eq!(stepwise, ["LA:NG", "LA:PFNCA", "NG:GO", "NG:GP", "PFNCA:GP", "GO:GP"]);
        let frequencies = of("nl_illegal_immigrants_nbcap.csv");
        assert!((line(&frequencies, "chao").n - 9_273.5).abs() < 0.1);
        let register = of("nl_immigrants_singlesource.csv");
        let found = line(&register, "truncated-poisson-covariates");
        assert_eq!(found.terms.as_deref().expect("covariates"), ["gender", "age", "nation"]);
        assert!((found.n - 12_690.35).abs() < 0.1);
    }

    #[test]
    fn what_the_data_cannot_carry_is_said() {
        assert!(of("kosovo_4.csv").cautions.is_empty());
        let cautions = of("new_orleans_5.csv").cautions;
        assert!(cautions[0].contains("list 1 shares fewer than 10 people"), "{cautions:?}");
    }

    #[test]
    fn a_file_that_holds_no_histories_is_refused_with_the_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let cases = [
            ("A,B,count\n1,2,5\n", "line 2: column \"B\" must be 0 or 1"),
            ("A,B,count\n1,1,5\n0,0,9\n", "line 3: nobody can be counted who is on no list"),
            ("A,B,count\n1,1,many\n", "line 2: the count is no number"),
            ("A,count\n1,5\n", "a column of 0 and 1 for each of two lists"),
            ("nbcap,freq\n0,5\n", "line 2: nobody can be counted who was never met"),
        ];
        for (text, message) in cases {
            let path = folder.path().join("histories.csv");
            std::fs::write(&path, text).expect("a file");
            let error = format!("{:#}", study(&path).expect_err(text));
            assert!(error.contains(message), "{text:?}: {error}");
        }
        let path = folder.path().join("people.csv");
        std::fs::write(&path, "A,B\n1,0\n1,1\n0,1\n1,1\n").expect("a file");
        let Ok(Study::Lists { histories, .. }) = study(&path) else { panic!("a person a row") };
        assert_eq!((histories.seen(), histories.count(3)), (4.0, 2.0));
    }
}
