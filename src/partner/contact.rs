//! Months of contacts, in the notations in which systems export them.

use samenloop_encode::normalise::{BirthDate, with_century};
use samenloop_schema::Month;

/// A contact's year of two digits lies in the hundred years up to this one.
const LATEST_YEAR: u16 = 2079;

/// The month that a value names, or in which the date that it names lies.
pub(crate) fn month(text: &str) -> Option<Month> {
    let text = text.trim();
    let compact = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    let date = if compact {
        BirthDate::read(&format!("{}-{}", &text[..4], &text[4..]))
    } else {
        let dated = with_century(text, LATEST_YEAR);
        BirthDate::read(dated.as_ref().map_or(text, |dated| dated.as_str()))
    }?;
    Month::of(date.year?.into(), date.month?.into()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn months_are_read_from_every_notation() {
        let may = Month::of(2024, 5).ok();
        for text in [
            "2024-05",
            "05-2024",
            "5/2024",
            "202405",
            "mei 2024",
            "May 2024",
            "2024-05-31",
            "31-05-2024",
            "31/5/2024",
            "1.5.2024",
            "20240531",
            "31 mei 2024",
            " 2024-05-31 00:00:00",
            "2024-05-31T10:11:12Z",
            "31-5-2024 0:00",
            "31-05-24",
            "31 mei 24",
            "45443",
        ] {
            assert_eq!(month(text), may, "{text}");
        }
        assert_eq!(month("1 oktober 2024"), Month::of(2024, 10).ok());
        for bad in
            ["", "2024", "2024-13", "32-01-2024", "00-00-0000", "05-24", "Jansen", "9999", "99999"]
        {
            assert_eq!(month(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_never_panics(text in "\\PC{0,14}|[0-9:./ T-]{0,12}") {
            let _ = month(&text);
        }
    }
}
