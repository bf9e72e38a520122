//! What the estimators read: capture histories over lists.

/// Most lists of one table of histories; 2^10 − 1 cells.
pub const MAX_LISTS: usize = 10;

/// Counts of people by the exact set of lists that hold them.
///
/// A set is a bit mask, bit 0 the first list, never 0. Counts are `f64` because a corrected or
/// imputed count need not be whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Histories {
    lists: usize,
    /// By set − 1.
    counts: Vec<f64>,
}

/// Why counts are no capture histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadHistories {
    /// Too few or too many lists.
    #[error("capture histories need 2 to {MAX_LISTS} lists, not {0}")]
    Lists(usize),
    /// A set that is empty or names a list beyond the last.
    #[error("the history {0:#b} is of no list or of a list beyond the last")]
    Set(usize),
    /// A count that is negative or no number.
    #[error("the count of the history {0:#b} is not a number of people")]
    Count(usize),
    /// Everything is 0.
    #[error("nobody stands on any list")]
    Empty,
}

impl Histories {
    /// Takes (set, count) in any order; a set that occurs twice is added up, an absent one is 0.
    pub fn new(
        lists: usize,
        counts: impl IntoIterator<Item = (usize, f64)>,
    ) -> Result<Self, BadHistories> {
        if !(2..=MAX_LISTS).contains(&lists) {
            return Err(BadHistories::Lists(lists));
        }
        let mut all = vec![0.0; (1 << lists) - 1];
        for (set, count) in counts {
            let cell = set.checked_sub(1).and_then(|place| all.get_mut(place));
            let cell = cell.ok_or(BadHistories::Set(set))?;
            if !(count.is_finite() && count >= 0.0) {
                return Err(BadHistories::Count(set));
            }
            *cell += count;
        }
        let histories = Self { lists, counts: all };
        if histories.seen() > 0.0 { Ok(histories) } else { Err(BadHistories::Empty) }
    }

    /// Number of lists.
    #[must_use]
    pub const fn lists(&self) -> usize {
        self.lists
    }

    /// Every set with its count.
    pub fn cells(&self) -> impl Iterator<Item = (usize, f64)> {
        self.counts.iter().enumerate().map(|(place, count)| (place + 1, *count))
    }

    /// People on exactly the lists of a set.
    #[must_use]
    pub fn count(&self, set: usize) -> f64 {
        self.counts[set - 1]
    }

    /// Different people on any list.
    #[must_use]
    pub fn seen(&self) -> f64 {
        self.counts.iter().sum()
    }

    /// People on at least the lists of a set.
    #[must_use]
    pub fn on_all(&self, set: usize) -> f64 {
        self.cells().filter(|(own, _)| own & set == set).map(|(_, count)| count).sum()
    }

    /// People by the number of lists that hold them, from one.
    #[must_use]
    pub fn frequencies(&self) -> Vec<f64> {
        let mut frequencies = vec![0.0; self.lists];
        for (set, count) in self.cells() {
            frequencies[set.count_ones() as usize - 1] += count;
        }
        frequencies
    }

    /// Pairs of lists, in order.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        (0..self.lists).flat_map(|a| (a + 1..self.lists).map(move |b| (a, b))).collect()
    }
}

/// The set that holds both lists of a pair.
pub(super) const fn both((a, b): (usize, usize)) -> usize {
    1 << a | 1 << b
}
