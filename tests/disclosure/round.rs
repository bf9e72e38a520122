//! A synthetic round with its truth, and everything that its release says.
//!
//! What is in a cell is worked out here anew, from the words of the questions, not by the code that
//! counts: so the attacks know the truth, and a miscounted cell would be found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use samenloop_disclose::{
    DimensionList, Frame, JointNoise, Measure, Months, NoiseKey, Order, RecordQuality,
    Registration, Release, Return, Scope, contact_order, materialise, quality,
};
use samenloop_schema::{Digest, DisclosurePolicy, Draws, Month};

/// A cell of the lattice, by its words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub measure: Measure,
    pub sources: Vec<u16>,
    pub source_count: u16,
    pub order: Option<Order>,
    pub returned: Option<Return>,
    /// The dimension that splits and the code in it, none for unknown.
    pub split: Option<(usize, Option<u16>)>,
    /// The second one, in rounds that allow two.
    pub also: Option<(usize, Option<u16>)>,
}

impl Place {
    /// Whether one source alone tells its number.
    pub fn is_one_source_s(&self) -> bool {
        self.measure == Measure::Sources
            || (self.measure == Measure::Recidivism && !self.sources.is_empty())
    }
}

/// A person as the registrations have it.
#[derive(Debug, Clone)]
pub struct Client {
    pub rows: Vec<Registration>,
}

/// Registrations of known people.
#[derive(Debug, Clone)]
pub struct Round {
    pub frame: Frame,
    pub policy: DisclosurePolicy,
    pub clients: Vec<Client>,
}

/// What is released, and what is true, by place.
pub struct Lattice {
    pub shown: BTreeMap<Place, Option<u32>>,
    /// Clients in each place, ascending; a place without clients may be absent.
    pub truth: BTreeMap<Place, Vec<u32>>,
}

/// The first and the second dimension of a question.
pub type Split = (Option<usize>, Option<usize>);

const DIMENSIONS: [&str; 3] = ["gemeente", "doelgroep", "geslacht"];

impl Round {
    /// The registrations of `tests/data/regio` with these sources; nobody's links are in doubt.
    pub fn regio(sources: &[&str]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/regio");
        let mut rows: Vec<(u16, csv::StringRecord)> = vec![];
        let mut header = csv::StringRecord::new();
        for (party, source) in (0..).zip(sources) {
            let mut reader = csv::Reader::from_path(folder.join(format!("{source}.csv")))
                .expect("a source of the sample");
            header = reader.headers().expect("headers").clone();
            rows.extend(reader.records().map(|row| (party, row.expect("a row"))));
        }
        let column = |name: &str| header.iter().position(|own| own == name).expect("a column");
        let codes: Vec<Vec<String>> = DIMENSIONS
            .iter()
            .map(|name| {
                let own = rows.iter().map(|(_, row)| row[column(name)].to_owned());
                let codes: BTreeSet<String> = own.filter(|code| !code.is_empty()).collect();
                codes.into_iter().collect()
            })
            .collect();
        let mut clients: BTreeMap<String, Client> = BTreeMap::new();
        for (serial, (party, row)) in (0_u64..).zip(&rows) {
            let month = |name: &str| row[column(name)].parse::<Month>().ok();
            let (start, end) = match (month("start"), month("einde")) {
                // An unknown start says nothing here, so that the truth is plain.
                (None, _) => (None, None),
                known => known,
            };
            let code = |(name, codes): (&&str, &Vec<String>)| {
                let place = codes.iter().position(|code| *code == row[column(name)]);
                place.map(|place| place as u16)
            };
            clients
                .entry(row[column("person_id")].to_owned())
                .or_insert(Client { rows: vec![] })
                .rows
                .push(Registration {
                    party: *party,
                    codes: DIMENSIONS.iter().zip(&codes).map(code).collect(),
                    start,
                    end,
                    digest: Digest::of(&serial.to_be_bytes()),
                    // One record in seven lacks something.
                    quality: RecordQuality {
                        information: Some(if serial % 7 == 0 { 3 } else { 0 }),
                        births: None,
                    },
                });
        }
        let list =
            |(name, codes): (&&str, Vec<String>)| DimensionList { name: (*name).to_owned(), codes };
        let frame = Frame {
            parties: sources.iter().map(|id| id.parse().expect("a party id")).collect(),
            dimensions: DIMENSIONS.iter().zip(codes).map(list).collect(),
            purpose: "attacks".to_owned(),
            min_parties: 3,
            two_party: false,
            scope: Scope { linkage: quality::lists(&["names".to_owned()]), ..Scope::default() },
        };
        let clients = clients.into_values().collect();
        Self { frame, policy: DisclosurePolicy::default(), clients }
    }

    /// Only the first clients.
    pub fn cut(mut self, clients: usize) -> Self {
        self.clients.truncate(clients);
        self
    }

    /// A release under a noise key made from `serial`.
    pub fn release(&self, serial: u64) -> Release {
        let rows: Vec<Registration> =
            self.clients.iter().flat_map(|client| client.rows.clone()).collect();
        let clusters: Vec<u32> = (0_u32..)
            .zip(&self.clients)
            .flat_map(|(label, client)| vec![label; client.rows.len()])
            .collect();
        let key = NoiseKey::new(Digest::of(&serial.to_le_bytes()).0);
        materialise(&self.policy, self.frame.clone(), &rows, &clusters, &Draws::default(), key)
            .expect("a release")
    }

    /// Every answer to every question of a release, beside the truth.
    pub fn lattice(&self, serial: u64) -> Lattice {
        Lattice { shown: answers(&self.release(serial)), truth: self.truth() }
    }

    /// Sets of at most so many dimensions as the policy allows, two at most.
    pub fn splits(&self) -> Vec<Split> {
        let dimensions = self.frame.dimensions.len();
        let one = (0..dimensions).map(|d| (Some(d), None));
        let two =
            (0..dimensions).flat_map(|d| (d + 1..dimensions).map(move |e| (Some(d), Some(e))));
        let most = self.policy.max_dimensions;
        std::iter::once((None, None))
            .chain(one)
            .chain(two.take(if most > 1 { usize::MAX } else { 0 }))
            .collect()
    }

    /// The noise of the round's joint numbers.
    pub fn joint(&self) -> JointNoise {
        JointNoise::of(&self.policy, &self.frame).expect("noise")
    }

    /// Clients by place.
    pub fn truth(&self) -> BTreeMap<Place, Vec<u32>> {
        let mut truth: BTreeMap<Place, Vec<u32>> = BTreeMap::new();
        for (serial, client) in (0_u32..).zip(&self.clients) {
            let linked = client.put_together(self.frame.dimensions.len());
            let asked = client.places(self.frame.scope.return_gap, &self.splits());
            for place in asked.into_iter().chain(linked) {
                truth.entry(place).or_default().push(serial);
            }
        }
        truth
    }
}

/// Asks every question of a release.
pub fn answers(release: &Release) -> BTreeMap<Place, Option<u32>> {
    let mut shown = BTreeMap::new();
    let lists: Vec<&DimensionList> = release.frame().lists().collect();
    for (measure, by) in release.questions() {
        let table = release.query(measure, &by).expect("a question of the lattice");
        let place =
            |name: &&str| lists.iter().position(|list| list.name == **name).expect("a list");
        let (split, also) = (by.first().map(place), by.get(1).map(place));
        for cell in &table.cells {
            let place = Place {
                measure,
                sources: cell.sources.clone(),
                source_count: cell.source_count,
                order: cell.order,
                returned: cell.returned,
                split: split.map(|d| (d, cell.codes[0])),
                also: also.map(|d| (d, cell.codes[1])),
            };
            shown.insert(place, cell.number.map(|number| number.count));
        }
    }
    shown
}

impl Client {
    pub fn sources(&self) -> Vec<u16> {
        let sources: BTreeSet<u16> = self.rows.iter().map(|row| row.party).collect();
        sources.into_iter().collect()
    }

    /// The code on which all registrations of some sources that have one agree.
    fn code(&self, dimension: usize, of: impl Fn(u16) -> bool) -> Option<u16> {
        let rows = self.rows.iter().filter(|row| of(row.party));
        let codes: BTreeSet<u16> = rows.filter_map(|row| row.codes[dimension]).collect();
        if codes.len() == 1 { codes.first().copied() } else { None }
    }

    /// Every place of how good the linkage is that counts this client: nobody's links are in doubt and no
    /// birth date is known. The lists stand behind so many dimensions.
    fn put_together(&self, dimensions: usize) -> Vec<Place> {
        let place = |measure, sources: Vec<u16>, list: usize, code| Place {
            measure,
            sources,
            source_count: 0,
            order: None,
            returned: None,
            split: Some((dimensions + list, code)),
            also: None,
        };
        let lacks = |of: &dyn Fn(u16) -> bool| {
            let rows = self.rows.iter().filter(|row| of(row.party));
            let codes: BTreeSet<Option<u16>> = rows.map(|row| row.quality.information).collect();
            if codes.len() == 1 { codes.first().copied().flatten() } else { None }
        };
        let most = [1, 2, 4, 8, 16, usize::MAX];
        let size = most.iter().position(|most| self.rows.len() <= *most);
        let codes = [lacks(&|_| true), size.map(|size| size as u16), Some(0), Some(0), None];
        let unique =
            (0..).zip(codes).map(|(list, code)| place(Measure::Unique, vec![], list, code));
        let own = self.sources().into_iter();
        let own = own.map(|a| place(Measure::Sources, vec![a], 0, lacks(&|party| party == a)));
        unique.chain(own).collect()
    }

    fn months(&self, of: impl Fn(u16) -> bool) -> Vec<Months> {
        self.rows.iter().filter(|row| of(row.party)).map(|row| (row.start, row.end)).collect()
    }

    /// Months with a contact, looked at one by one.
    fn returned(&self, gap: u16, of: impl Fn(u16) -> bool) -> Return {
        let months = self.months(of);
        let known = months.iter().filter_map(|(start, end)| Some(((*start)?.index(), *end)));
        let spans: Vec<(u16, u16)> =
            known.map(|(start, end)| (start, end.map_or(u16::MAX - 1, Month::index))).collect();
        let Some(first) = spans.iter().map(|(start, _)| *start).min() else {
            return Return::Unknown;
        };
        let last = spans.iter().map(|(start, _)| *start).max().unwrap_or(first);
        let mut without = 0;
        for month in first..=last {
            if spans.iter().any(|(start, end)| (*start..=*end).contains(&month)) {
                if without >= gap {
                    return Return::CameBack;
                }
                without = 0;
            } else {
                without += 1;
            }
        }
        Return::Stayed
    }

    /// Every place that counts this client.
    pub fn places(&self, gap: u16, splits: &[Split]) -> Vec<Place> {
        let known = self.sources();
        let mut places = vec![];
        for (dimension, second) in splits {
            let split = dimension.map(|d| (d, self.code(d, |_| true)));
            let also = second.map(|d| (d, self.code(d, |_| true)));
            let place = |measure, sources: Vec<u16>| Place {
                measure,
                sources,
                source_count: 0,
                order: None,
                returned: None,
                split,
                also,
            };
            places.push(place(Measure::Unique, vec![]));
            places.push(place(Measure::Patterns, known.clone()));
            let stacking = place(Measure::Stacking, vec![]);
            places.push(Place { source_count: known.len() as u16, ..stacking });
            let all = self.returned(gap, |_| true);
            places.push(Place { returned: Some(all), ..place(Measure::Recidivism, vec![]) });
            for (at, a) in known.iter().enumerate() {
                // What a source alone tells goes by its own codes.
                let split = dimension.map(|d| (d, self.code(d, |party| party == *a)));
                let also = second.map(|d| (d, self.code(d, |party| party == *a)));
                places.push(Place { split, also, ..place(Measure::Sources, vec![*a]) });
                let returned = Some(self.returned(gap, |party| party == *a));
                let recidivism = place(Measure::Recidivism, vec![*a]);
                places.push(Place { returned, split, also, ..recidivism });
                for b in &known[at + 1..] {
                    places.push(place(Measure::Overlap, vec![*a, *b]));
                    let order = contact_order(
                        &self.months(|party| party == *a),
                        &self.months(|party| party == *b),
                    );
                    let sequence = place(Measure::Sequence, vec![*a, *b]);
                    places.push(Place { order: Some(order), ..sequence });
                }
            }
        }
        places
    }
}

impl Lattice {
    pub fn count(&self, place: &Place) -> u32 {
        self.truth.get(place).map_or(0, |clients| clients.len() as u32)
    }

    /// The same questions answered exactly, counts under the threshold withheld and nothing else: what
    /// the attacks must be able to break.
    pub fn exact(&self, threshold: u32) -> BTreeMap<Place, Option<u32>> {
        let exact = self.shown.keys().map(|place| {
            let count = self.count(place);
            (place.clone(), (count >= threshold).then_some(count))
        });
        exact.collect()
    }
}
