//! The months, quarters and years of a round.

use samenloop_schema::{Month, MonthRange};

/// A calendar month, quarter or year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    /// Its first month.
    pub first: Month,
    /// Its length in months: 1, 3 or 12.
    pub months: u16,
}

/// Every period of a round: its months in order, then every quarter and then every year that holds
/// one of them. A quarter or year at the edge is the whole calendar one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Periods {
    from: u16,
    to: u16,
}

const LENGTHS: [u16; 3] = [1, 3, 12];

impl Periods {
    pub fn new(range: MonthRange) -> Self {
        Self { from: range.from.index(), to: range.to.index() }
    }

    /// Per length its first and last period (counted from January 1900) and the place of the first.
    fn spans(self) -> [(u16, u16, u16, usize); 3] {
        let mut begin = 0;
        LENGTHS.map(|months| {
            let (first, last) = (self.from / months, self.to / months);
            let span = (months, first, last, begin);
            begin += usize::from(last - first) + 1;
            span
        })
    }

    pub fn len(self) -> usize {
        self.spans().iter().map(|(_, first, last, _)| usize::from(last - first) + 1).sum()
    }

    /// Places of the periods that hold a month from `start` up to and including `end`.
    pub fn touched(self, start: u16, end: u16) -> impl Iterator<Item = usize> {
        self.spans().into_iter().flat_map(move |(months, first, last, begin)| {
            let (from, to) = ((start / months).max(first), (end / months).min(last));
            (from..=to).map(move |period| begin + usize::from(period - first))
        })
    }

    pub fn all(self) -> Vec<Period> {
        let spans = self.spans().into_iter();
        let periods = spans.flat_map(|(months, first, last, _)| {
            (first..=last).map(move |period| (period * months, months))
        });
        // Unwrap safety: a calendar period that holds a month begins with one that can be named.
        let period = |(index, months): (u16, u16)| Period {
            first: Month::from_index(index.into()).expect("within the months that can be named"),
            months,
        };
        periods.map(period).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_quarters_and_years_hold_each_other() {
        let month = |text: &str| text.parse::<Month>().expect("a month");
        let periods = Periods::new(MonthRange { from: month("2001-03"), to: month("2002-04") });
        let all = periods.all();
        // 14 months, 2001 Q1 to 2002 Q2, 2001 and 2002.
        assert_eq!((all.len(), periods.len()), (14 + 6 + 2, 22));
        assert_eq!(all[14], Period { first: month("2001-01"), months: 3 });
        assert_eq!(all[21], Period { first: month("2002-01"), months: 12 });
        let touched = |from: &str, to: &str| -> Vec<Period> {
            let places = periods.touched(month(from).index(), month(to).index());
            places.map(|place| all[place]).collect()
        };
        let expected = [("2001-12", 1), ("2002-01", 1), ("2001-10", 3), ("2002-01", 3)]
            .into_iter()
            .chain([("2001-01", 12), ("2002-01", 12)]);
        let expected: Vec<_> =
            expected.map(|(first, months)| Period { first: month(first), months }).collect();
        assert_eq!(touched("2001-12", "2002-01"), expected);
        // Outside the months but inside the edge's quarter and year.
        assert_eq!(touched("2001-02", "2001-02").len(), 2);
        assert_eq!(touched("2000-01", "2000-12"), []);
        assert_eq!(touched("1999-01", "2199-12").len(), 22);
    }
}
