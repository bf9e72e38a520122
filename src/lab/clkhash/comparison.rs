//! Tokens of a value, for each way to compare.

use num_bigint::{BigInt, Sign};

use super::document::SchemaFault;
use super::python::{self, MOST_DIGITS};
use super::schema::{Comparison, Encoding};

/// Makes tokens, in bytes of the feature's encoding.
#[derive(Debug)]
pub(super) enum Tokenizer {
    Ngram { n: usize, positional: bool },
    Exact,
    Numeric(Numeric),
}

/// Neighbourhoods of a number (Vatsalan and Christen, J Biomed Inform 59, 2016).
#[derive(Debug)]
pub(super) struct Numeric {
    interval: BigInt,
    /// Twice the residue below which a number is rounded down: the interval as a double, for Python
    /// compares with a true quotient.
    half: BigInt,
    resolution: u32,
    precision: u32,
}

/// The tokens of one value, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    letters: Vec<char>,
}

impl Tokens {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.bytes[begin..*end])
    }
}

/// Appends text in an encoding; the error is a letter that it has not.
pub(super) fn encode(
    letters: impl Iterator<Item = char>,
    encoding: Encoding,
    out: &mut Vec<u8>,
) -> Result<(), String> {
    match encoding {
        Encoding::Ascii => {
            for letter in letters {
                if !letter.is_ascii() {
                    return Err("has a letter that ascii has not".to_owned());
                }
                out.push(letter as u8);
            }
        }
        Encoding::Utf8 => {
            for letter in letters {
                out.extend(letter.encode_utf8(&mut [0; 4]).bytes());
            }
        }
        Encoding::Utf16 => {
            out.extend([0xff, 0xfe]);
            for letter in letters {
                out.extend(letter.encode_utf16(&mut [0; 2]).iter().flat_map(|n| n.to_le_bytes()));
            }
        }
        Encoding::Utf32 => {
            out.extend([0xff, 0xfe, 0, 0]);
            out.extend(letters.flat_map(|letter| (letter as u32).to_le_bytes()));
        }
    }
    Ok(())
}

impl Tokenizer {
    pub(super) fn new(comparison: &Comparison, place: &str) -> Result<Self, SchemaFault> {
        Ok(match comparison {
            Comparison::Ngram { n, positional } => Self::Ngram { n: *n, positional: *positional },
            Comparison::Exact => Self::Exact,
            Comparison::Numeric { distance, resolution, precision } => {
                let fault = |rule: &str| SchemaFault {
                    place: format!("{place}.hashing.comparison"),
                    rule: rule.to_owned(),
                };
                let interval = match distance.as_u64() {
                    Some(whole) => BigInt::from(whole) * BigInt::from(10).pow(*precision),
                    None => {
                        let distance = distance.as_f64().unwrap_or(f64::NAN) * power(*precision);
                        BigInt::try_from_rounded(distance).ok_or_else(|| {
                            fault("thresholdDistance × 10^fractional_precision is no number")
                        })?
                    }
                };
                if interval.sign() != Sign::Plus {
                    return Err(fault(
                        "fractional_precision is too small for thresholdDistance; write more",
                    ));
                }
                let half = double(&interval).ok_or_else(|| {
                    fault("thresholdDistance × 10^fractional_precision is too large")
                })?;
                let (resolution, precision) = (*resolution, *precision);
                Self::Numeric(Numeric { interval, half, resolution, precision })
            }
        })
    }

    /// Writes the tokens of a value that has its final form; none of an empty one. The error says
    /// what is wrong with the value.
    pub(super) fn tokens(
        &self,
        value: &str,
        encoding: Encoding,
        tokens: &mut Tokens,
    ) -> Result<(), String> {
        tokens.clear();
        if value.is_empty() {
            return Ok(());
        }
        match self {
            Self::Ngram { n, positional } => ngrams(value, *n, *positional, encoding, tokens),
            Self::Exact => {
                encode(value.chars(), encoding, &mut tokens.bytes)?;
                tokens.ends.push(tokens.bytes.len());
                Ok(())
            }
            Self::Numeric(numeric) => numeric.tokens(value, encoding, tokens),
        }
    }
}

fn ngrams(
    value: &str,
    n: usize,
    positional: bool,
    encoding: Encoding,
    tokens: &mut Tokens,
) -> Result<(), String> {
    let mut letters = std::mem::take(&mut tokens.letters);
    letters.clear();
    let pads = std::iter::repeat_n(' ', n - 1);
    letters.extend(pads.clone().chain(value.chars()).chain(pads));
    let outcome = letters.windows(n).zip(1_usize..).try_for_each(|(gram, place)| {
        let gram = gram.iter().copied();
        if positional {
            let mut digits = [' '; 21];
            let mut at = 20;
            let mut rest = place;
            while rest > 0 {
                at -= 1;
                digits[at] = char::from(b'0' + (rest % 10) as u8);
                rest /= 10;
            }
            encode(digits[at..].iter().copied().chain(gram), encoding, &mut tokens.bytes)?;
        } else {
            encode(gram, encoding, &mut tokens.bytes)?;
        }
        tokens.ends.push(tokens.bytes.len());
        Ok(())
    });
    tokens.letters = letters;
    outcome
}

impl Numeric {
    fn tokens(&self, value: &str, encoding: Encoding, tokens: &mut Tokens) -> Result<(), String> {
        let ten = BigInt::from(10);
        let number: BigInt = match python::int(value) {
            Some(digits) => {
                let whole: BigInt = digits.parse().map_err(|_| "is no number".to_owned())?;
                whole * ten.pow(self.precision)
            }
            None => {
                let number = python::float(value).ok_or("is no number")?;
                let number = match self.precision {
                    0 => number.trunc(),
                    precision => number * power(precision),
                };
                BigInt::try_from_rounded(number).ok_or("is beyond the numbers of a double")?
            }
        };
        let mut number: BigInt = number * 2 * self.resolution;
        // Python's remainder has the sign of the divisor, which is positive.
        let mut residue: BigInt = &number % &self.interval;
        if residue.sign() == Sign::Minus {
            residue += &self.interval;
        }
        if residue.sign() != Sign::NoSign {
            let down = &residue * 2 < self.half;
            number -= &residue;
            if !down {
                number += &self.interval;
            }
        }
        number -= &self.interval * self.resolution;
        for _ in 0..=2 * self.resolution {
            let token = number.to_string();
            if token.trim_start_matches('-').len() > MOST_DIGITS {
                return Err(format!("gives numbers of more than {MOST_DIGITS} digits"));
            }
            encode(token.chars(), encoding, &mut tokens.bytes)?;
            tokens.ends.push(tokens.bytes.len());
            number += &self.interval;
        }
        Ok(())
    }
}

/// 10^`exponent`, rounded to a double as Python's `float(10 ** exponent)`.
fn power(exponent: u32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(f64::INFINITY)
}

/// A whole number rounded to a double, as a whole number; none beyond the doubles.
fn double(number: &BigInt) -> Option<BigInt> {
    BigInt::try_from_rounded(number.to_string().parse().ok()?)
}

trait Rounded: Sized {
    /// The nearest whole number, of two the even one, as Python's `round`; none of no number.
    fn try_from_rounded(number: f64) -> Option<Self>;
}

impl Rounded for BigInt {
    fn try_from_rounded(number: f64) -> Option<Self> {
        let number = number.round_ties_even();
        if !number.is_finite() {
            return None;
        }
        let bits = number.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as i64 - 1075;
        let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
        let size = match u32::try_from(exponent) {
            Ok(exponent) => Self::from(mantissa) << exponent,
            // A whole number has no bit below one.
            Err(_) => Self::from(mantissa.checked_shr(-exponent as u32).unwrap_or(0)),
        };
        Some(if number < 0.0 { -size } else { size })
    }
}

#[cfg(test)]
mod tests;
