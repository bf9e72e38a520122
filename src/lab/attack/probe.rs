//! A5: a partner that chooses its rows.

use samenloop_disclose::{
    Frame, Measure, NoiseKey, RecordQuality, Registration, Scope, materialise,
};
use samenloop_link::{Options, Silent, Source, link};
use samenloop_schema::{Clk, Digest, DisclosurePolicy, Draws, LinkageSchema, PartyId, Record};

use super::Extent;
use super::outcome::Outcome;
use super::registers::Registers;

/// Rows of each kind that are submitted among honest ones.
const CRAFTED: usize = 25;

/// How a row is made to resemble many.
const CRAFTS: [&str; 4] =
    ["every bit set", "as dense as allowed", "most common bits", "others' match keys"];

/// Rows made to tie strangers together: how many the service takes, and of these how many end in a
/// cluster with two different people.
pub(super) fn crafted(
    schema: &LinkageSchema,
    registers: &Registers,
) -> anyhow::Result<Vec<Outcome>> {
    let shape = schema.shape();
    let all = &registers.records;
    let mut records: Vec<Record> = all.iter().map(|(_, record)| record.clone()).collect();
    let honest = records.len();
    let mut crafts = vec![];
    for craft in 0..CRAFTS.len() {
        let made = (0..CRAFTED).map(|number| make(craft, number, schema, registers));
        records.extend(made.filter(|record| shape.check(record).is_ok()));
        crafts.resize(records.len() - honest, craft);
    }
    let mut sources = vec![];
    let mut rest = &records[..];
    for (place, length) in registers.lengths.iter().enumerate() {
        // The crafted rows stand in the last source.
        let last = place + 1 == registers.lengths.len();
        let (records, after) = rest.split_at(if last { rest.len() } else { *length });
        sources.push(Source { may_hold_duplicates: true, records });
        rest = after;
    }
    let linkage = link(schema, &sources, &Options { draws: 1, ..Options::default() }, &Silent)?;
    let ties = |cluster: u32| {
        let mut people = all.iter().zip(&linkage.clusters).filter(|(_, c)| **c == cluster);
        let first = people.next().map(|((row, _), _)| registers.rows[*row].0);
        people.any(|((row, _), _)| Some(registers.rows[*row].0) != first)
    };
    let found: Vec<(usize, bool)> =
        crafts.into_iter().zip(&linkage.clusters[honest..]).map(|(at, c)| (at, ties(*c))).collect();
    let outcome = |(craft, name): (usize, &str)| {
        let hits = found.iter().filter(|(at, tied)| *at == craft && *tied).count();
        Outcome::new("A5 crafted rows", name, CRAFTED, hits)
    };
    Ok(CRAFTS.into_iter().enumerate().map(outcome).collect())
}

fn make(craft: usize, number: usize, schema: &LinkageSchema, registers: &Registers) -> Record {
    let all = &registers.records;
    let victim = |turn: usize| &all[(number * 997 + turn * 389) % all.len()].1;
    let mut record = victim(0).clone();
    for (place, encoding) in schema.encodings.iter().enumerate() {
        let words = encoding.bits as usize / 64;
        let clk = match craft {
            0 => vec![u64::MAX; words],
            1 => dense(victim(1).encodings[place].as_ref(), encoding.shape().max_ones, words),
            2 => common(all, place, words, number),
            _ => continue,
        };
        record.encodings[place] = Some(Clk::from_words(clk));
    }
    if craft == 3 {
        for place in 0..schema.match_keys.len() {
            record.match_keys[place] = victim(place + 1).match_keys[place];
        }
        record.encodings.iter_mut().for_each(|clk| *clk = None);
    }
    record
}

/// Someone's encoding with bits added up to a bound.
fn dense(clk: Option<&Clk>, most: u32, words: usize) -> Vec<u64> {
    let mut bits = clk.map_or(vec![0; words], |clk| clk.words().to_vec());
    let mut ones: u32 = bits.iter().map(|word| word.count_ones()).sum();
    let len = words * 64;
    for step in 0..len {
        let bit = step * 1_000_003 % len;
        if ones < most && bits[bit / 64] >> (bit % 64) & 1 == 0 {
            bits[bit / 64] |= 1 << (bit % 64);
            ones += 1;
        }
    }
    bits
}

/// The majority of the bits of every third record, from one on.
fn common(all: &[(usize, Record)], place: usize, words: usize, from: usize) -> Vec<u64> {
    let clks = all.iter().skip(from).step_by(3).filter_map(|(_, r)| r.encodings[place].as_ref());
    let (mut counts, mut n) = (vec![0_u32; words * 64], 0);
    for clk in clks {
        n += 1;
        for (bit, count) in counts.iter_mut().enumerate() {
            *count += (clk.words()[bit / 64] >> (bit % 64) & 1) as u32;
        }
    }
    let mut bits = vec![0; words];
    for (bit, count) in counts.into_iter().enumerate() {
        bits[bit / 64] |= u64::from(count * 2 > n) << (bit % 64);
    }
    bits
}

/// People whom the prober knows to be with the other party, besides the one whom it asks about.
const SURE: usize = 20;

/// Whether a released overlap tells a partner that one client of its choice is known to another
/// party: it submits 20 people whom it knows to be there, and its target. Linkage is perfect, which is
/// best for it. A coin is right half of the time.
pub(super) fn membership(extent: &Extent) -> anyhow::Result<Vec<Outcome>> {
    let policy = DisclosurePolicy::default();
    let mut hits = 0;
    for trial in 0..extent.probes {
        let there = trial % 2 == 0;
        let count = release(&policy, trial, there)?;
        // Noise has mean 0, so the likeliest count is the nearest to what is shown.
        let guess = count.is_some_and(|count| count as usize > SURE);
        hits += usize::from(guess == there);
    }
    let mut outcome = Outcome::new("A5 membership", "released overlap", extent.probes, hits);
    outcome.scheme = "default".to_owned();
    Ok(vec![outcome.by_chance(0.5)])
}

fn release(policy: &DisclosurePolicy, trial: usize, there: bool) -> anyhow::Result<Option<u32>> {
    let parties: Vec<PartyId> =
        ["prober", "asked", "third"].iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let mut rows: Vec<Registration> = vec![];
    let mut clusters = vec![];
    let mut add = |party: u16, person: usize| {
        let content = format!("{trial}/{party}/{person}");
        let digest = Digest::of(content.as_bytes());
        rows.push(Registration {
            party,
            codes: vec![],
            start: None,
            end: None,
            digest,
            quality: RecordQuality::default(),
        });
        clusters.push(person as u32);
    };
    (0..=SURE).for_each(|person| add(0, person));
    (0..SURE + usize::from(there)).for_each(|person| add(1, person));
    (30..130).for_each(|person| add(1, person));
    (80..180).for_each(|person| add(2, person));
    let frame = Frame {
        parties,
        dimensions: vec![],
        purpose: "probe".into(),
        min_parties: 3,
        two_party: false,
        scope: Scope::default(),
    };
    let seed = Digest::of(format!("noise {trial}").as_bytes());
    // Labels must be below the number of registrations, of which there are more than people.
    let release =
        materialise(policy, frame, &rows, &clusters, &Draws::default(), NoiseKey::new(seed.0))?;
    let table = release.query(Measure::Overlap, &[])?;
    let cell = table.cells.iter().find(|cell| cell.sources == [0, 1]);
    Ok(cell.and_then(|cell| cell.number).map(|number| number.count))
}
