//! Attacks on a release, by everyone who may hold one: all of them know the mechanism.

mod interval;
mod round;

use std::collections::BTreeMap;
use std::time::Instant;

use interval::{Attack, Knowledge};
use round::Round;

#[test]
fn scratch() {
    let round = Round::regio(&["ggd", "ggz", "opvang"]);
    let lattice = round.lattice(1);
    let mut off = 0;
    for (place, shown) in &lattice.shown {
        if let Some(shown) = shown {
            assert!(
                lattice.count(place).abs_diff(*shown) <= 5,
                "{place:?} {shown} {}",
                lattice.count(place)
            );
            off += 1;
        }
    }
    for place in lattice.truth.keys() {
        assert!(lattice.shown.contains_key(place), "{place:?}");
    }
    println!("{} places {off} shown, {} clients", lattice.shown.len(), round.clients.len());
    let policy = Knowledge { max_noise: 5, threshold: 10, insider_rule: true };
    let exact = Knowledge { max_noise: 0, threshold: 10, insider_rule: false };
    for (name, shown, k) in
        [("policy", lattice.shown.clone(), policy), ("exact", lattice.exact(10), exact)]
    {
        for d in 0..3 {
            let t = Instant::now();
            let cats = round.frame.dimensions[d].codes.len() + 1;
            let attack = Attack::new(&shown, 3, (d, cats), k, &BTreeMap::new());
            let targets: Vec<_> = lattice
                .shown
                .keys()
                .filter(|p| p.split.is_some_and(|s| s.0 == d) && lattice.count(p) < 10)
                .collect();
            let mut widths = vec![];
            for t in targets.iter().take(20) {
                let (lo, hi) = attack.interval(t, 3.0);
                let n = lattice.count(t);
                assert!(lo <= n && n <= hi, "{t:?} {lo} {n} {hi}");
                widths.push((n, hi - lo));
            }
            println!("{name} {d} targets {} {:?} {:?}", targets.len(), widths, t.elapsed());
        }
    }
}
