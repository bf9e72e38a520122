//! How each kind of registration writes people down: the rates of `regio`, source by source.

/// Most of a source's records that an error is made in, however noisy.
const MOST: f64 = 0.9;

/// Rates of a source, as shares of its records unless said otherwise. `docs/synthetic-data.md` sets
/// them beside what comes out and beside the `regio` registrations that they were taken from.
pub(super) struct Profile {
    pub name: &'static str,
    /// Log-odds that the source knows somebody of mean notoriety: with a home, without.
    pub coverage: [f64; 2],
    /// Share of people with a second record, and of these with a third.
    pub again: [f64; 2],
    /// A surname mistyped.
    pub typo: f64,
    /// Another form of the given name, among people whose name has one.
    pub variant: f64,
    pub initial: f64,
    pub street: f64,
    pub swapped: f64,
    /// Partner's name with one's own, among women with a partner's name.
    pub hyphen: f64,
    /// A tussenvoegsel left out, written into the surname, behind it.
    pub prefix: [f64; 3],
    pub no_birth: f64,
    pub wrong_birth: f64,
    pub no_sex: f64,
    pub no_place: f64,
    pub place_typo: f64,
    /// Among people with an address.
    pub no_postcode: f64,
    pub moved: f64,
    pub only_area: f64,
    /// Among people with a number.
    pub no_bsn: f64,
    pub wrong_bsn: f64,
}

impl Profile {
    /// The same source with every error as many times as often.
    pub fn noisier(&self, times: f64) -> Self {
        let rate = |share: f64| (share * times).min(MOST);
        Self {
            name: self.name,
            coverage: self.coverage,
            again: self.again,
            typo: rate(self.typo),
            variant: rate(self.variant),
            initial: rate(self.initial),
            street: rate(self.street),
            swapped: rate(self.swapped),
            hyphen: rate(self.hyphen),
            // Three outcomes of one draw, so that none is cut off.
            prefix: self.prefix.map(|share| share * times),
            no_birth: rate(self.no_birth),
            wrong_birth: rate(self.wrong_birth),
            no_sex: rate(self.no_sex),
            no_place: rate(self.no_place),
            place_typo: rate(self.place_typo),
            no_postcode: rate(self.no_postcode),
            moved: rate(self.moved),
            only_area: rate(self.only_area),
            no_bsn: rate(self.no_bsn),
            wrong_bsn: rate(self.wrong_bsn),
        }
    }
}

pub(super) const SOURCES: [Profile; 6] = [
    Profile {
        name: "ggd",
        coverage: [-0.70, -0.67],
        again: [0.076, 0.01],
        typo: 0.072,
        variant: 0.30,
        initial: 0.032,
        street: 0.02,
        swapped: 0.004,
        hyphen: 0.15,
        prefix: [0.05, 0.044, 0.022],
        no_birth: 0.02,
        wrong_birth: 0.0138,
        no_sex: 0.014,
        no_place: 0.22,
        place_typo: 0.034,
        no_postcode: 0.08,
        moved: 0.077,
        only_area: 0.02,
        no_bsn: 0.133,
        wrong_bsn: 0.003,
    },
    Profile {
        name: "ggz",
        coverage: [-0.52, -0.46],
        again: [0.027, 0.0],
        typo: 0.065,
        variant: 0.30,
        initial: 0.015,
        street: 0.013,
        swapped: 0.004,
        hyphen: 0.09,
        prefix: [0.025, 0.025, 0.018],
        no_birth: 0.008,
        wrong_birth: 0.0086,
        no_sex: 0.006,
        no_place: 0.109,
        place_typo: 0.02,
        no_postcode: 0.045,
        moved: 0.064,
        only_area: 0.015,
        no_bsn: 0.029,
        wrong_bsn: 0.005,
    },
    Profile {
        name: "opvang",
        coverage: [-1.40, 0.01],
        again: [0.149, 0.03],
        typo: 0.200,
        variant: 0.40,
        initial: 0.068,
        street: 0.04,
        swapped: 0.012,
        hyphen: 0.30,
        prefix: [0.09, 0.06, 0.055],
        no_birth: 0.031,
        wrong_birth: 0.0361,
        no_sex: 0.028,
        no_place: 0.423,
        place_typo: 0.069,
        no_postcode: 0.177,
        moved: 0.202,
        only_area: 0.045,
        no_bsn: 0.402,
        wrong_bsn: 0.005,
    },
    Profile {
        name: "wmo",
        coverage: [-0.40, -0.30],
        again: [0.026, 0.01],
        typo: 0.068,
        variant: 0.36,
        initial: 0.018,
        street: 0.014,
        swapped: 0.004,
        hyphen: 0.085,
        prefix: [0.025, 0.025, 0.016],
        no_birth: 0.01,
        wrong_birth: 0.0175,
        no_sex: 0.009,
        no_place: 0.108,
        place_typo: 0.025,
        no_postcode: 0.056,
        moved: 0.068,
        only_area: 0.012,
        no_bsn: 0.014,
        wrong_bsn: 0.0025,
    },
    Profile {
        name: "politie",
        coverage: [-1.21, -1.09],
        again: [0.176, 0.015],
        typo: 0.224,
        variant: 0.40,
        initial: 0.075,
        street: 0.048,
        swapped: 0.014,
        hyphen: 0.32,
        prefix: [0.107, 0.078, 0.073],
        no_birth: 0.04,
        wrong_birth: 0.0549,
        no_sex: 0.03,
        no_place: 0.487,
        place_typo: 0.068,
        no_postcode: 0.194,
        moved: 0.23,
        only_area: 0.045,
        no_bsn: 0.685,
        wrong_bsn: 0.012,
    },
    Profile {
        name: "corporatie",
        coverage: [-1.35, -1.21],
        again: [0.05, 0.0],
        typo: 0.143,
        variant: 0.40,
        initial: 0.045,
        street: 0.033,
        swapped: 0.007,
        hyphen: 0.17,
        prefix: [0.06, 0.071, 0.027],
        no_birth: 0.024,
        wrong_birth: 0.0281,
        no_sex: 0.015,
        no_place: 0.269,
        place_typo: 0.052,
        no_postcode: 0.101,
        moved: 0.169,
        only_area: 0.027,
        no_bsn: 0.835,
        wrong_bsn: 0.010,
    },
];

/// Rates that hardly differ between sources.
pub(super) const UPPER_CASE: f64 = 0.115;
pub(super) const PLAIN_LETTERS: f64 = 0.22;
pub(super) const SECOND_NAME: f64 = 0.25;
pub(super) const ABBREVIATED_PREFIX: f64 = 0.075;
pub(super) const WRONG_SEX: f64 = 0.003;
pub(super) const NO_START: f64 = 0.031;
/// A contact that goes on, besides those that outlast the extract.
pub(super) const NO_END: f64 = 0.09;
/// A postcode of a moment, among people without an address.
pub(super) const SHELTER: f64 = 0.1;
/// Of women who bear a partner's name next to their own, those who bear it alone.
pub(super) const PARTNER_ALONE: f64 = 0.26;
/// A given name is shorter than a surname, and mistyped less.
pub(super) const GIVEN_TYPO: f64 = 0.45;
