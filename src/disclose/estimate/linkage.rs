//! What linkage errors do to capture histories, and how to take it out again.
//!
//! A missed link tears a person apart and makes the population look larger; a false link ties two
//! people together and makes it look smaller. With two lists the expected overlap is
//! a m + b (n1 − m) + b (n2 − m) when a link is found with probability a and a person of one list is
//! falsely linked with the other with probability b (de Wolf, van der Laan & Zult 2019, which has
//! Ding & Fienberg 1994 as the case of b on one side). More lists are treated to first order: of a
//! person of k lists at most one registration comes off, each as likely, with probability 1 − a^(k−1);
//! a person takes in the lone registration of each list that does not know it with probability b.

use super::histories::Histories;

/// Probabilities of linkage errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkageErrors {
    /// That a link of a person who is on two lists is found (a), above 0 and at most 1.
    pub found: f64,
    /// That a person of one list is falsely linked with another list (b), at least 0, less than a.
    pub falsely: f64,
}

impl LinkageErrors {
    /// Linkage without errors.
    pub const NONE: Self = Self { found: 1.0, falsely: 0.0 };

    /// What becomes of one person of a true set: changes by observed set, the person included.
    fn observed(self, lists: usize, set: usize, mut change: impl FnMut(usize, f64)) {
        let known = f64::from(set.count_ones());
        let torn = 1.0 - self.found.powf(known - 1.0);
        change(set, 1.0 - torn);
        for list in (0..lists).map(|list| 1 << list) {
            if set & list == 0 {
                change(set, -self.falsely);
                change(set | list, self.falsely);
                change(list, -self.falsely);
            } else if set != list {
                change(set & !list, torn / known);
                change(list, torn / known);
            }
        }
    }

    /// The histories that linkage with these errors is expected to show.
    #[must_use]
    pub fn blur(self, truth: &Histories) -> Option<Histories> {
        let mut counts = vec![0.0; (1 << truth.lists()) - 1];
        for (set, count) in truth.cells() {
            self.observed(truth.lists(), set, |own, change| counts[own - 1] += change * count);
        }
        rebuilt(truth.lists(), &counts)
    }

    /// The histories whose expectation under these errors is what was observed; none when the errors
    /// are so large that they explain everything.
    #[must_use]
    pub fn correct(self, observed: &Histories) -> Option<Histories> {
        let size = (1 << observed.lists()) - 1;
        // Row-major, the observed counts as the last column.
        let width = size + 1;
        let mut system = vec![0.0; size * width];
        for set in 1..=size {
            self.observed(observed.lists(), set, |own, change| {
                system[(own - 1) * width + set - 1] += change;
            });
            system[(set - 1) * width + size] = observed.count(set);
        }
        let solved = eliminate(system, size)?;
        let overlap: f64 =
            (1..=size).filter(|set| set.count_ones() > 1).map(|set| solved[set - 1]).sum();
        if overlap <= 0.0 { None } else { rebuilt(observed.lists(), &solved) }
    }
}

/// Counts below 0 become 0: the errors explain more than was seen there.
fn rebuilt(lists: usize, counts: &[f64]) -> Option<Histories> {
    let cells = counts.iter().enumerate().map(|(place, count)| (place + 1, count.max(0.0)));
    Histories::new(lists, cells).ok()
}

/// Gaussian elimination with row pivots of `size` equations, right side last.
fn eliminate(mut system: Vec<f64>, size: usize) -> Option<Vec<f64>> {
    let width = size + 1;
    for column in 0..size {
        let size_of = |row: &usize| system[row * width + column].abs();
        let pivot = (column..size).max_by(|a, b| size_of(a).total_cmp(&size_of(b)))?;
        if size_of(&pivot) < 1e-9 {
            return None;
        }
        for place in 0..width {
            system.swap(column * width + place, pivot * width + place);
        }
        let (above, below) = system.split_at_mut((column + 1) * width);
        let own = &above[column * width..];
        for row in below.chunks_mut(width).filter(|row| row[column] != 0.0) {
            let factor = row[column] / own[column];
            row[column..].iter_mut().zip(&own[column..]).for_each(|(x, y)| *x -= factor * y);
        }
    }
    let mut x = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| system[row * width + k] * x[k]).sum();
        x[row] = (system[row * width + size] - known) / system[row * width + row];
    }
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::{LogLinear, Terms};

    fn two_lists() -> Histories {
        // 20,000 people, lists of 30 and 40 % independently of each other.
        Histories::new(2, [(1, 3_600.0), (2, 5_600.0), (3, 2_400.0)]).expect("histories")
    }

    fn independence(histories: &Histories) -> f64 {
        LogLinear::fit(histories, &Terms::default()).expect("a fit").population()
    }

    #[test]
    fn missed_links_raise_the_estimate_and_correction_takes_it_back() {
        let cases = [(0.95, 0.0, 21_053.0), (0.9, 0.01, 20_000.0 * 2_400.0 / 2_252.0)];
        for (found, falsely, naive) in cases {
            let errors = LinkageErrors { found, falsely };
            let seen = errors.blur(&two_lists()).expect("histories");
            assert!(
                (independence(&seen) - naive).abs() < 1.0,
                "{errors:?} {}",
                independence(&seen)
            );
            let corrected = errors.correct(&seen).expect("a correction");
            assert!((independence(&corrected) - 20_000.0).abs() < 0.5, "{errors:?}");
        }
    }

    #[test]
    fn correction_inverts_blurring_over_more_lists_and_keeps_their_lengths() {
        for lists in [3, 4, 6] {
            let cells = (1..1_usize << lists).map(|set| (set, 5_000.0 / (1.0 + set as f64)));
            let truth = Histories::new(lists, cells).expect("histories");
            let errors = LinkageErrors { found: 0.93, falsely: 0.004 };
            let seen = errors.blur(&truth).expect("histories");
            for list in 0..lists {
                assert!((seen.on_all(1 << list) - truth.on_all(1 << list)).abs() < 1e-6);
            }
            assert!(seen.seen() > truth.seen());
            let back = errors.correct(&seen).expect("a correction");
            for (set, count) in truth.cells() {
                assert!((back.count(set) - count).abs() < 1e-6, "{lists} lists, {set:b}");
            }
        }
    }

    #[test]
    fn errors_that_explain_every_overlap_leave_no_histories() {
        let seen = Histories::new(2, [(1, 1_000.0), (2, 1_000.0), (3, 15.0)]).expect("histories");
        assert!(LinkageErrors { found: 0.95, falsely: 0.01 }.correct(&seen).is_none());
        assert_eq!(LinkageErrors::NONE.correct(&seen), Some(seen));
    }
}
