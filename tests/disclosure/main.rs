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
}
