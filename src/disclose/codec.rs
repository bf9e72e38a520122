//! The canonical bytes of a release, for the store.
//!
//! Little-endian: a heading, the policy, the frame, then per cell of the lattice a count, how far the
//! interval reaches below and above it, each as u32, all zero for a withheld cell; at the end the
//! SHA-256 over all before it. Texts and lists have their length before them.

use samenloop_schema::{Digest, DisclosurePolicy, Month, MonthRange, PartyId};

use crate::frame::{DimensionList, Frame, RollUpList, Scope};
use crate::joint::JointNoise;
use crate::lattice::Lattice;
use crate::release::{Number, Release};
use crate::size::lattice_cells;

const HEADING: &[u8] = b"samenloop release 3\n";
const NUMBER_LEN: usize = 12;

/// Why bytes are no release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored release is damaged or of another version: {rule}; restore it from a backup")]
pub struct DamagedRelease {
    rule: &'static str,
}

const fn damaged<T>(rule: &'static str) -> Result<T, DamagedRelease> {
    Err(DamagedRelease { rule })
}

pub(crate) fn digest(body: &[u8]) -> Digest {
    Digest::of_parts("samenloop/v1/release", &[body])
}

pub(crate) fn body(release: &Release) -> Vec<u8> {
    let mut out = HEADING.to_vec();
    let policy = &release.policy;
    for number in [policy.max_noise, policy.no_small, policy.threshold, policy.min_unique] {
        out.extend(number.to_le_bytes());
    }
    out.extend(policy.variance.to_le_bytes());
    out.extend(policy.max_cells.to_le_bytes());
    out.extend((policy.max_dimensions as u32).to_le_bytes());
    let len = |out: &mut Vec<u8>, len: usize| out.extend((len as u32).to_le_bytes());
    let text = |out: &mut Vec<u8>, text: &str| {
        len(out, text.len());
        out.extend(text.as_bytes());
    };
    let frame = &release.frame;
    text(&mut out, &frame.purpose);
    len(&mut out, frame.min_parties);
    out.push(u8::from(frame.two_party));
    len(&mut out, frame.parties.len());
    frame.parties.iter().for_each(|party| text(&mut out, party.as_str()));
    len(&mut out, frame.dimensions.len());
    let list = |out: &mut Vec<u8>, list: &DimensionList| {
        text(out, &list.name);
        len(out, list.codes.len());
        list.codes.iter().for_each(|code| text(out, code));
    };
    frame.dimensions.iter().for_each(|dimension| list(&mut out, dimension));
    let scope = &frame.scope;
    len(&mut out, scope.types.len());
    scope.types.iter().for_each(|name| text(&mut out, name));
    places(&mut out, scope.type_of.iter().map(|place| Some(*place)));
    len(&mut out, scope.roll_ups.len());
    for roll_up in &scope.roll_ups {
        list(&mut out, &roll_up.list);
        len(&mut out, roll_up.of);
        places(&mut out, roll_up.groups.iter().copied());
    }
    let months = scope.months.map(|range| [range.from, range.to].map(|m| m.index()));
    let months: Vec<u16> = months.into_iter().flatten().collect();
    places(&mut out, months.into_iter().map(Some));
    len(&mut out, scope.time_dimensions);
    len(&mut out, scope.return_gap.into());
    out.extend(scope.round_to.to_le_bytes());
    len(&mut out, scope.linkage.len());
    scope.linkage.iter().for_each(|own| list(&mut out, own));
    out.extend(scope.joint_variance.unwrap_or(0).to_le_bytes());
    for number in &release.numbers {
        let parts = number.map_or([0; 3], |n| [n.count, n.count - n.low, n.high - n.count]);
        parts.iter().for_each(|part| out.extend(part.to_le_bytes()));
    }
    out
}

/// Their number, then each as u16, `u16::MAX` for none.
fn places(out: &mut Vec<u8>, places: impl ExactSizeIterator<Item = Option<u16>>) {
    out.extend((places.len() as u32).to_le_bytes());
    places.for_each(|place| out.extend(place.unwrap_or(u16::MAX).to_le_bytes()));
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DamagedRelease> {
        let Some((head, tail)) = self.0.split_at_checked(len) else {
            return damaged("it ends too early");
        };
        self.0 = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DamagedRelease> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u32, DamagedRelease> {
        self.array().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Result<String, DamagedRelease> {
        let len = self.number()? as usize;
        match std::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => damaged("a text is not UTF-8"),
        }
    }

    fn places(&mut self) -> Result<Vec<Option<u16>>, DamagedRelease> {
        let place = |reader: &mut Self| reader.array().map(u16::from_le_bytes);
        let places = self.list(place)?;
        Ok(places.into_iter().map(|place| (place != u16::MAX).then_some(place)).collect())
    }

    fn list<T>(
        &mut self,
        mut entry: impl FnMut(&mut Self) -> Result<T, DamagedRelease>,
    ) -> Result<Vec<T>, DamagedRelease> {
        // Entries are pushed one by one: a wrong length runs into the end before it can allocate.
        let len = self.number()?;
        let mut entries = vec![];
        for _ in 0..len {
            entries.push(entry(self)?);
        }
        Ok(entries)
    }
}

impl Release {
    /// The bytes for the store: equal releases have equal bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = body(self);
        bytes.extend(self.digest().as_bytes());
        bytes
    }

    /// Reads stored bytes back; a single changed bit is refused.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DamagedRelease> {
        let Some((body, end)) = bytes.split_last_chunk::<{ Digest::LEN }>() else {
            return damaged("it ends too early");
        };
        if digest(body).0 != *end {
            return damaged("its digest does not match");
        }
        let mut reader = Reader(body);
        if reader.take(HEADING.len())? != HEADING {
            return damaged("its heading is unknown");
        }
        let policy = DisclosurePolicy {
            max_noise: reader.number()?,
            no_small: reader.number()?,
            threshold: reader.number()?,
            min_unique: reader.number()?,
            variance: f64::from_le_bytes(reader.array()?),
            max_cells: u64::from_le_bytes(reader.array()?),
            max_dimensions: reader.number()? as usize,
        };
        if policy.check_floor().is_err() {
            return damaged("its policy is under the floor");
        }
        let frame = read_frame(&mut reader)?;
        if frame.broken_rule().is_some() {
            return damaged("its frame breaks a rule");
        }
        if lattice_cells(&policy, &frame) > policy.max_cells {
            return damaged("it has more cells than its policy allows");
        }
        let Ok(joint) = JointNoise::of(&policy, &frame) else {
            return damaged("it asks more than noise can hide");
        };
        let lattice = Lattice::new(&policy, &frame);
        if reader.0.len() != lattice.cells * NUMBER_LEN {
            return damaged("it has another number of cells than its questions need");
        }
        let round_to = frame.scope.round_to;
        // Rounding comes after the threshold and may go under it by half a step.
        let legal = |count: u32, place: Option<u64>| {
            let most = count.saturating_add(round_to / 2);
            let threshold = if place.is_some() { joint.threshold } else { policy.threshold };
            count.is_multiple_of(round_to) && most >= threshold
        };
        let mut numbers = Vec::with_capacity(lattice.cells);
        for place in lattice.joint_places() {
            let (count, below, above) = (reader.number()?, reader.number()?, reader.number()?);
            numbers.push(match (count.checked_sub(below), count.checked_add(above)) {
                (Some(0), Some(0)) if count == 0 => None,
                (Some(low), Some(high)) if legal(count, place) => Some(Number { count, low, high }),
                _ => return damaged("a number breaks the rules"),
            });
        }
        Ok(Self::new(frame, policy, joint, lattice, numbers))
    }
}

fn read_frame(reader: &mut Reader<'_>) -> Result<Frame, DamagedRelease> {
    let purpose = reader.text()?;
    let min_parties = reader.number()? as usize;
    let two_party = match reader.take(1)? {
        [0] => false,
        [1] => true,
        _ => return damaged("a flag is neither yes nor no"),
    };
    let parties = reader.list(|reader| match reader.text()?.parse::<PartyId>() {
        Ok(party) => Ok(party),
        Err(_) => damaged("a party id is none"),
    })?;
    let dimensions = reader.list(read_list)?;
    let types = reader.list(Reader::text)?;
    let known = |place: Option<u16>| place.map_or_else(|| damaged("a place is missing"), Ok);
    let type_of = reader.places()?.into_iter().map(known).collect::<Result<_, _>>()?;
    let roll_ups = reader.list(|reader| {
        Ok(RollUpList {
            list: read_list(reader)?,
            of: reader.number()? as usize,
            groups: reader.places()?,
        })
    })?;
    let month = |place: Option<u16>| place.and_then(|p| Month::from_index(p.into()).ok());
    let months = match reader.places()?[..] {
        [] => None,
        [from, to] => match month(from).zip(month(to)) {
            Some((from, to)) => Some(MonthRange { from, to }),
            None => return damaged("a month cannot be named"),
        },
        _ => return damaged("its months are no range"),
    };
    let time_dimensions = reader.number()? as usize;
    let return_gap = match u16::try_from(reader.number()?) {
        Ok(gap) => gap,
        Err(_) => return damaged("its gap is too long"),
    };
    let round_to = reader.number()?;
    let linkage = reader.list(read_list)?;
    let joint_variance = Some(reader.number()?).filter(|variance| *variance > 0);
    let scope = Scope {
        types,
        type_of,
        roll_ups,
        months,
        time_dimensions,
        return_gap,
        round_to,
        linkage,
        joint_variance,
    };
    Ok(Frame { parties, dimensions, purpose, min_parties, two_party, scope })
}

fn read_list(reader: &mut Reader<'_>) -> Result<DimensionList, DamagedRelease> {
    Ok(DimensionList { name: reader.text()?, codes: reader.list(Reader::text)? })
}
