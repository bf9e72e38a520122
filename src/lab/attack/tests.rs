use super::{Extent, Outcome, attack, report};

/// The whole harness in small: what is known to break breaks, and the default does not.
#[test]
fn controls_break_and_the_default_does_not() {
    let report = attack(Extent::small(), &|_| {}).expect("attacks");
    let best = |scheme: &str, attack: &str| {
        let rates = report.attacks.iter().filter(|o| o.scheme == scheme && o.attack == attack);
        rates.map(|o| o.rate).fold(f64::NAN, f64::max)
    };
    for attack in ["A2 graph", "A3 fingerprint", "A4 learner"] {
        assert!(best("plain CLK", attack) > 0.95, "{attack} must break a plain filter");
    }
    assert_eq!(best("default", "A0 leaked key"), 1.0, "a leaked key tells everything");
    assert!(best("given-name match key", "A1 frequency") > 0.2);
    assert!(best("default", "A4 learner") < 0.3, "with few on the list codes alone tell much");
    let default = report.linkage.iter().find(|quality| quality.scheme == "default");
    assert!(default.is_some_and(|quality| quality.f1 > 0.9), "what is attacked also links");
    assert!(report::table(&report).contains("A6 codebook"));
}

#[test]
fn a_gate_without_an_attack_does_not_hold() {
    assert!(report::gates(&[]).iter().all(|gate| !gate.holds));
    let mut good = Outcome::new("A2 graph", "all", 3500, 10);
    good.scheme = "default".to_owned();
    let held = |outcome: &Outcome| {
        let gates = report::limits(std::slice::from_ref(outcome), "default");
        gates.iter().filter(|gate| gate.holds).count()
    };
    assert_eq!(held(&good), 1);
    good.upper95 = 0.011;
    assert_eq!(held(&good), 0);
}
