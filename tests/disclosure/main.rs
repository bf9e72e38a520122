//! Attacks on a release, by everyone who may hold one: all of them know the mechanism.

mod difference;
mod interval;
mod partner;
mod point;
mod round;

use std::collections::BTreeMap;
use std::time::Instant;

use interval::{Attack, Knowledge};
use round::Round;
use samenloop_disclose::NoiseShape;

#[test]
fn scratch() {
    let sources = &["ggd", "ggz", "opvang"][..];
    let round = Round::regio(sources).cut(1500);
    let t = std::time::Instant::now();
    for trick in partner::Trick::ALL {
        let scene = partner::Scene::new(&round, trick);
        println!("{trick:?} {} {:?}", scene.accuracy(40), t.elapsed());
    }
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
    let round = Round::regio(&["ggd", "ggz", "opvang", "wmo", "politie", "corporatie"]);
    let n = 6;
    for v in [3.0, 4.0] {
        let mut round = round.clone();
        round.policy.variance = v;
        let mut all = point::Hits::default();
        for seed in 0..12 {
            let lattice = round.lattice(seed);
            for d in 0..3 {
                let cats = round.frame.dimensions[d].codes.len() + 1;
                all.add(point::guess(&lattice, &lattice.shown, n, (d, cats), (v, 10.0)));
            }
        }
        println!("{v}: {:?} {all:?}", all.rates());
    }
}
