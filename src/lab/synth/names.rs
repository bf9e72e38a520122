//! A stock of names that grows with the population.
//!
//! Each origin has a list of common names and three lists of which rarer surnames are composed. Both
//! are drawn by Zipf–Mandelbrot weights, 1 / (rank + offset), the law that name frequencies follow
//! (Zanette and Manrubia 2001): a small region sees few of the composed names, a country nearly all.

use rand::{Rng, RngExt as _};

/// Where a person's parents come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Dutch,
    Moroccan,
    Turkish,
    Polish,
    Surinamese,
    Romanian,
}

/// A surname and its tussenvoegsel, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Surname {
    pub prefix: String,
    pub name: String,
}

/// Values by falling frequency.
struct Ranked {
    values: Vec<String>,
    cumulative: Vec<f64>,
}

impl Ranked {
    fn new(text: &str, offset: f64) -> Self {
        let values = text.split_whitespace().map(|word| word.replace('_', " "));
        let values: Vec<String> =
            values.map(|word| if word == "-" { String::new() } else { word }).collect();
        let mut sum = 0.0;
        let weigh = |rank: usize| {
            sum += 1.0 / (rank as f64 + offset);
            sum
        };
        let cumulative = (0..values.len()).map(weigh).collect();
        Self { values, cumulative }
    }

    fn draw(&self, rng: &mut impl Rng) -> &str {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let at = rng.random::<f64>() * total;
        let place = self.cumulative.partition_point(|sum| *sum <= at);
        &self.values[place.min(self.values.len() - 1)]
    }
}

struct Stock {
    men: Ranked,
    women: Ranked,
    surnames: Ranked,
    before: Ranked,
    first: Ranked,
    second: Ranked,
    /// Share of people whose surname is composed.
    composed: f64,
    places: &'static [&'static str],
}

/// All lists, read once.
pub(super) struct Names {
    stocks: Vec<Stock>,
    streets: Ranked,
    variants: Vec<Vec<String>>,
}

macro_rules! list {
    ($name:literal) => {
        include_str!(concat!("names/", $name, ".txt"))
    };
}

impl Names {
    pub(super) fn new() -> Self {
        let stock = |men, women, offset, surnames, surname_offset, composed| Stock {
            men: Ranked::new(men, offset),
            women: Ranked::new(women, offset),
            surnames: Ranked::new(surnames, surname_offset),
            before: Ranked::new("-", 1.0),
            first: Ranked::new("-", 1.0),
            second: Ranked::new("-", 1.0),
            composed,
            places: &[],
        };
        let compose = |mut stock: Stock, before, first, second, places| {
            stock.before = Ranked::new(before, 0.5);
            stock.first = Ranked::new(first, 12.0);
            stock.second = Ranked::new(second, 4.0);
            stock.places = places;
            stock
        };
        let dutch = || {
            let men = list!("dutch_men");
            stock(men, list!("dutch_women"), 2.0, list!("dutch_surnames"), 6.0, 0.45)
        };
        let stocks = vec![
            compose(
                dutch(),
                list!("dutch_before"),
                list!("dutch_first"),
                list!("dutch_second"),
                &[
                    "Alkmaar",
                    "Zwolle",
                    "Rotterdam",
                    "Hoogeveen",
                    "Drachten",
                    "Utrecht",
                    "Assen",
                    "Haren",
                    "Amsterdam",
                    "Leeuwarden",
                    "Emmen",
                    "Den Helder",
                    "Groningen",
                    "Leiden",
                    "Winschoten",
                    "Delfzijl",
                ],
            ),
            compose(
                stock(
                    list!("moroccan_men"),
                    list!("moroccan_women"),
                    1.0,
                    list!("moroccan_surnames"),
                    1.0,
                    0.35,
                ),
                list!("moroccan_before"),
                list!("moroccan_first"),
                list!("moroccan_second"),
                &["Nador", "Oujda", "Rabat", "Al Hoceima", "Tanger"],
            ),
            compose(
                stock(
                    list!("turkish_men"),
                    list!("turkish_women"),
                    2.0,
                    list!("turkish_surnames"),
                    1.5,
                    0.4,
                ),
                "-",
                list!("turkish_first"),
                list!("turkish_second"),
                &["Ankara", "İzmir", "Konya", "Karaman"],
            ),
            compose(
                stock(
                    list!("polish_men"),
                    list!("polish_women"),
                    2.0,
                    list!("polish_surnames"),
                    3.0,
                    0.6,
                ),
                "-",
                list!("polish_first"),
                list!("polish_second"),
                &["Warszawa", "Kraków", "Lublin", "Gdańsk", "Poznań", "Białystok", "Łódź"],
            ),
            compose(
                stock(
                    list!("surinamese_men"),
                    list!("surinamese_women"),
                    2.0,
                    list!("surinamese_surnames"),
                    3.0,
                    0.5,
                ),
                "-",
                list!("surinamese_first"),
                list!("surinamese_second"),
                &["Paramaribo", "Willemstad"],
            ),
            compose(
                stock(
                    list!("romanian_men"),
                    list!("romanian_women"),
                    2.0,
                    list!("romanian_surnames"),
                    1.0,
                    0.4,
                ),
                "-",
                list!("romanian_first"),
                list!("romanian_second"),
                &["Iași", "București", "Constanța", "Cluj"],
            ),
        ];
        let variants = list!("variants").lines();
        let variants =
            variants.map(|line| line.split(' ').map(|name| name.to_owned()).collect()).collect();
        Self { stocks, streets: Ranked::new(list!("street_names"), 20.0), variants }
    }

    fn stock(&self, origin: Origin) -> &Stock {
        &self.stocks[origin as usize]
    }

    pub(super) fn given(&self, origin: Origin, woman: bool, rng: &mut impl Rng) -> &str {
        let stock = self.stock(origin);
        if woman { stock.women.draw(rng) } else { stock.men.draw(rng) }
    }

    /// A surname; a leading part in small letters is its tussenvoegsel.
    pub(super) fn surname(&self, origin: Origin, rng: &mut impl Rng) -> Surname {
        let stock = self.stock(origin);
        let whole = if rng.random_bool(stock.composed) {
            let before = stock.before.draw(rng);
            let first = stock.first.draw(rng);
            // Someone named after two things: the tail that no list of stems holds.
            let first = if rng.random_bool(0.1) {
                format!("{first}{}", stock.first.draw(rng).to_lowercase())
            } else {
                first.to_owned()
            };
            let joined = before.chars().last().is_some_and(char::is_alphabetic);
            let first = if joined { first.to_lowercase() } else { first };
            format!("{before}{first}{}", stock.second.draw(rng))
        } else {
            stock.surnames.draw(rng).to_owned()
        };
        let small = |word: &&str| word.starts_with(|c: char| c.is_lowercase() || c == '\'');
        let words: Vec<&str> = whole.split(' ').collect();
        let prefixes = words.iter().take_while(|word| small(word)).count().min(words.len() - 1);
        Surname { prefix: words[..prefixes].join(" "), name: words[prefixes..].join(" ") }
    }

    pub(super) fn birthplace(&self, origin: Origin, rng: &mut impl Rng) -> &'static str {
        let places = self.stock(origin).places;
        places[rng.random_range(0..places.len())]
    }

    /// A name by which someone goes in the street.
    pub(super) fn street(&self, rng: &mut impl Rng) -> &str {
        self.streets.draw(rng)
    }

    /// Other forms of a given name: shorter, formal, differently transliterated.
    pub(super) fn variants(&self, given: &str) -> &[String] {
        let family = self.variants.iter().find(|family| family.iter().any(|name| name == given));
        family.map_or(&[], Vec::as_slice)
    }
}
