use proptest::prelude::*;
use serde_json::Number;

use super::*;

fn tokens(tokenizer: &Tokenizer, value: &str) -> Vec<String> {
    let mut tokens = Tokens::default();
    tokenizer.tokens(value, Encoding::Utf8, &mut tokens).expect("a value");
    let text = |token: &[u8]| String::from_utf8(token.to_vec()).expect("UTF-8");
    tokens.iter().map(text).collect()
}

fn numeric(distance: Number, resolution: u32, precision: u32) -> Tokenizer {
    Tokenizer::new(&Comparison::Numeric { distance, resolution, precision }, "features[0]")
        .expect("a distance")
}

#[test]
fn grams_have_pads_and_places() {
    let plain = Tokenizer::Ngram { n: 2, positional: false };
    assert_eq!(tokens(&plain, "clk"), [" c", "cl", "lk", "k "]);
    assert!(tokens(&plain, "").is_empty());
    let placed = Tokenizer::Ngram { n: 2, positional: true };
    assert_eq!(tokens(&placed, "clk"), ["1  c", "2 cl", "3 lk", "4 k "]);
    let ten = tokens(&Tokenizer::Ngram { n: 1, positional: true }, "abcdefghij");
    assert_eq!(ten.last().map(String::as_str), Some("10 j"));
}

#[test]
fn the_neighbourhoods_of_clkhash_s_documentation() {
    let eight = numeric(8.into(), 2, 0);
    assert_eq!(tokens(&eight, "25"), ["88", "96", "104", "112", "120"]);
    assert_eq!(tokens(&eight, "26"), tokens(&eight, "25"));
}

proptest! {
    #[test]
    fn a_value_can_be_put_together_from_its_grams(value in "\\PC{1,20}", n in 1_usize..6, positional: bool) {
        let found = tokens(&Tokenizer::Ngram { n, positional }, &value);
        prop_assert_eq!(found.len(), value.chars().count() + n - 1);
        let grams = found.iter().enumerate().map(|(place, token)| match positional {
            true => token.strip_prefix(&format!("{} ", place + 1)).expect("the place"),
            false => token,
        });
        let first: String = grams.filter_map(|gram| gram.chars().next()).collect();
        let padded = " ".repeat(n - 1) + &value;
        prop_assert_eq!(first, padded);
        prop_assert!(found.iter().all(|token| positional || token.chars().count() == n));
    }

    #[test]
    fn an_encoding_of_a_token_can_be_read_back(value in "\\PC{0,20}") {
        let encoded = |encoding| {
            let mut bytes = vec![];
            encode(value.chars(), encoding, &mut bytes).expect("an encoding of all letters");
            bytes
        };
        prop_assert_eq!(encoded(Encoding::Utf8), value.as_bytes());
        let utf16: Vec<u16> =
            encoded(Encoding::Utf16).chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        prop_assert_eq!(utf16[0], 0xfeff);
        prop_assert_eq!(String::from_utf16(&utf16[1..]).ok(), Some(value.clone()));
        let utf32 = encoded(Encoding::Utf32);
        let letters = utf32.chunks(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let text: Option<String> = letters.skip(1).map(char::from_u32).collect();
        prop_assert_eq!(text, Some(value));
    }

    #[test]
    fn numbers_share_tokens_as_their_distance_is_short(
        number in -1_000_000_i64..1_000_000,
        apart in 0_i64..200,
        distance in 1_u64..100,
        resolution in 1_u32..6,
    ) {
        let tokenizer = numeric(distance.into(), resolution, 0);
        let [one, other] = [number, number + apart].map(|number| tokens(&tokenizer, &number.to_string()));
        prop_assert_eq!(one.len(), 2 * resolution as usize + 1);
        let shared = one.iter().filter(|token| other.contains(token)).count() as i64;
        // Each value moves by at most half a step of the grid, distance / (2 resolution).
        let steps = 2 * i64::from(resolution) * apart;
        let expected = 2 * i64::from(resolution) + 1 - steps / distance as i64;
        prop_assert!((shared - expected.max(0)).abs() <= 1, "{} of {}", shared, expected);
    }

    #[test]
    fn a_whole_number_and_the_same_with_a_point_are_one(number in -(1_i64 << 40)..1 << 40, precision in 1_u32..4) {
        let tokenizer = numeric(Number::from_f64(2.5).expect("a number"), 3, precision);
        prop_assert_eq!(tokens(&tokenizer, &number.to_string()), tokens(&tokenizer, &format!("{number}.0")));
    }
}
