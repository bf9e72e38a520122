use samenloop_schema::DisclosurePolicy;

use super::*;
use crate::frame::{DimensionList, RollUpList, Scope};
use crate::ptable::PerturbationTable;

fn frame(parties: usize, dimensions: usize) -> Frame {
    let list = |place: usize| DimensionList {
        name: format!("d{place}"),
        codes: ["a", "b", "c"].map(str::to_owned).to_vec(),
    };
    Frame {
        parties: (0..parties).map(|p| format!("p{p}").parse().expect("a party id")).collect(),
        dimensions: (0..dimensions).map(list).collect(),
        purpose: "looks".to_owned(),
        min_parties: 2,
        two_party: true,
        scope: Scope::default(),
    }
}

fn policy(max_dimensions: usize) -> DisclosurePolicy {
    DisclosurePolicy { max_dimensions, ..DisclosurePolicy::default() }
}

fn noise(frame: &Frame, max_dimensions: usize) -> JointNoise {
    JointNoise::of(&policy(max_dimensions), frame).expect("noise")
}

#[test]
fn what_is_asked_more_often_has_more_noise() {
    let of = |parties, dimensions, most| noise(&frame(parties, dimensions), most).looks;
    // Two patterns, the overlap and an order: of everyone, and by each of three code lists.
    assert_eq!([of(4, 3, 0), of(4, 3, 1), of(4, 3, 2), of(4, 3, 3)], [4, 16, 28, 32]);
    // Of two sources the overlap is the pattern of both.
    assert_eq!(of(2, 3, 1), 12);
    // Nine sources have no patterns; a number of sources is left and another entered.
    assert_eq!(of(9, 0, 1), 4);
    let default = noise(&frame(4, 3), 1);
    let found = (default.max_noise, default.variance, default.threshold);
    assert_eq!(found, (28, 64.0, 20));

    let mut wide = frame(4, 2);
    wide.scope.types = vec!["x".to_owned(), "y".to_owned(), "z".to_owned()];
    wide.scope.type_of = vec![0, 0, 1, 2];
    let groups = vec![Some(0), Some(0), None];
    let list = DimensionList { name: "all".to_owned(), codes: vec!["ab".to_owned()] };
    wide.scope.roll_ups = vec![RollUpList { list, of: 0, groups }];
    assert_eq!(noise(&wide, 1).looks, 4 * 8);
    let [from, to] =
        [1, 12].map(|month| samenloop_schema::Month::of(2020, month).expect("a month"));
    wide.scope.months = Some(samenloop_schema::MonthRange { from, to });
    assert_eq!(noise(&wide, 1).looks, 4 * 8 + 2 * 3, "flows of months, quarters and years");
}

#[test]
fn partners_may_agree_on_less_noise_but_not_on_less_than_the_policy_s() {
    let mut agreed = frame(4, 3);
    agreed.scope.joint_variance = Some(3);
    let least = noise(&agreed, 1);
    assert_eq!((least.max_noise, least.variance, least.threshold), (5, 3.0, 10));
    assert_eq!(least.looks, 16, "what it gives up can be seen");
    agreed.scope.joint_variance = Some(16);
    let less = noise(&agreed, 1);
    assert_eq!((less.max_noise, less.variance, less.threshold), (14, 16.0, 10));
    agreed.scope.joint_variance = Some(2);
    assert!(agreed.broken_rule().is_some());
}

#[test]
fn more_looks_than_noise_can_hide_are_refused() {
    let wide = JointNoise::of(&policy(2), &frame(4, 10)).map_err(|error| error.to_string());
    assert!(wide.is_err_and(|text| text.contains("224 times, and noise hides at most 204 looks")));
}

/// Share of right answers of whoever compares so many numbers of people that are `a` each in one world
/// and `b` in the other, by likelihood; sums of log-likelihood ratios are kept to the nearest 0.002.
fn accuracy([a, b]: [&[f64]; 2], looks: u32) -> f64 {
    const STEP: f64 = 0.002;
    const REACH: usize = 4_000;
    let moves: Vec<(i64, [f64; 2])> = a
        .iter()
        .zip(b)
        .filter(|(a, b)| **a + **b > 0.0)
        .map(|(a, b)| (((b / a).ln().clamp(-9.0, 9.0) / STEP).round() as i64, [*a, *b]))
        .collect();
    let mut worlds = [vec![0.0; 2 * REACH + 1], vec![0.0; 2 * REACH + 1]];
    worlds.iter_mut().for_each(|world| world[REACH] = 1.0);
    for _ in 0..looks {
        for (world, sums) in worlds.iter_mut().enumerate() {
            let mut next = vec![0.0; 2 * REACH + 1];
            for (place, chance) in sums.iter().enumerate().filter(|(_, chance)| **chance > 1e-15) {
                for (by, probability) in &moves {
                    let to = (place as i64 + by).clamp(0, 2 * REACH as i64) as usize;
                    next[to] += chance * probability[world];
                }
            }
            *sums = next;
        }
    }
    let [first, second] = &worlds;
    first.iter().zip(second).map(|(a, b)| a.max(*b) / 2.0).sum()
}

#[test]
fn no_count_is_told_by_all_looks_together() {
    for (dimensions, most) in [(0, 1), (3, 1), (3, 2)] {
        let joint = noise(&frame(4, dimensions), most);
        let table = PerturbationTable::new(&joint.shape(&policy(most))).expect("a table");
        let last = table.transitions().map(|t| t.from).max().expect("rows");
        // Whatever is withheld looks alike.
        let seen = |count: u32| -> Vec<f64> {
            let mut seen = vec![0.0; (count + 2 * joint.max_noise + 2) as usize];
            let row = count.min(last);
            for t in table.transitions().filter(|t| t.from == row) {
                let to = count + t.to - row;
                seen[if to < joint.threshold { 0 } else { to as usize }] += t.probability;
            }
            seen
        };
        for count in (0..joint.threshold + 6).chain([60]) {
            let (mut without, with) = (seen(count), seen(count + 1));
            without.resize(with.len(), 0.0);
            let right = accuracy([&without, &with], joint.looks);
            assert!(right <= 0.6005, "{right} at {count} with {joint:?}");
        }
        let certain = PerturbationTable::new(&NoiseShape::new(5, 3.0, 2)).expect("a table");
        let row = |shift: usize| -> Vec<f64> {
            let mut row = vec![0.0; 14];
            let all = certain.transitions().filter(|t| t.from == 8);
            all.for_each(|t| row[t.to as usize - 3 + shift] = t.probability);
            row
        };
        let before = accuracy([&row(0), &row(1)], 16);
        assert!(before > 0.85, "the policy's own noise hides no 16 looks: {before}");
    }
}
