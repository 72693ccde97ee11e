//! Numbers as C's `atoi`, `atof` and `strtol` read them: what leads counts, what trails is ignored.

/// C's white space.
fn without_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r'])
}

/// `atol`: an optional sign and digits; nothing of the kind is 0, and too much is the most.
pub(super) fn long(text: &str) -> i64 {
    let text = without_blanks(text);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    let magnitude = digits
        .get(..end)
        .filter(|digits| !digits.is_empty())
        .map_or(0, |digits| digits.parse::<i64>().unwrap_or(i64::MAX));
    if negative { -magnitude } else { magnitude }
}

/// `atoi`: the lower half of [`long`], as C has it.
#[expect(clippy::cast_possible_truncation, reason = "that is what C does")]
pub(super) fn int(text: &str) -> i32 {
    long(text) as i32
}

/// `atof`, for decimal numbers.
pub(super) fn float(text: &str) -> f64 {
    let text = without_blanks(text);
    let mut end = 0;
    let mut digits = false;
    let (mut point, mut exponent) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits = true;
                end = at + 1;
            }
            b'.' if !point && !exponent => {
                point = true;
                end = end.max(if digits { at + 1 } else { 0 });
            }
            b'e' | b'E' if digits && !exponent => exponent = true,
            b'+' | b'-' if at == 0 => {}
            b'+' | b'-'
                if exponent
                    && text.as_bytes().get(at - 1).is_some_and(|byte| matches!(byte, b'e' | b'E')) => {}
            _ => break,
        }
    }
    text.get(..end).and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// Why a text is no number of [`whole`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NumberError {
    /// Something else than a number.
    NotANumber,
    /// Too large or too small.
    Range,
}

/// `strtol` with base 0, nothing left over: decimal, `0x…`, or octal after a leading 0.
pub(super) fn whole(text: &str) -> Result<i64, NumberError> {
    let text = without_blanks(text);
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let hexadecimal = rest.strip_prefix("0x").or_else(|| rest.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if rest.len() > 1 && rest.starts_with('0') => (rest, 8),
        None => (rest, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(NumberError::NotANumber);
    }
    let magnitude = i64::from_str_radix(digits, radix).map_err(|_| NumberError::Range)?;
    Ok(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_digits_count_and_the_rest_does_not() {
        for (text, number) in [
            ("7", 7),
            ("1x", 1),
            ("abc", 0),
            ("", 0),
            (" 12", 12),
            ("-1", -1),
            ("+3", 3),
            ("21700x", 21700),
            ("-", 0),
        ] {
            assert_eq!(int(text), number, "{text}");
        }
        assert_eq!(long("99999999999999999999"), i64::MAX);
        // As on a machine whose int has 32 bits.
        assert_eq!(int("4294967297"), 1);
    }

    #[test]
    fn floats_end_where_they_end() {
        for (text, number) in [
            ("0.5", 0.5),
            (".5", 0.5),
            ("2x", 2.0),
            ("abc", 0.0),
            ("-1", -1.0),
            ("1e2", 100.0),
            ("1e", 1.0),
            ("1.", 1.0),
            ("1-2", 1.0),
        ] {
            assert!((float(text) - number).abs() < 1e-12, "{text}");
        }
    }

    #[test]
    fn whole_numbers_know_three_bases_and_no_rubbish() {
        assert_eq!(whole("10"), Ok(10));
        assert_eq!(whole("0x10"), Ok(16));
        assert_eq!(whole("010"), Ok(8));
        assert_eq!(whole("0"), Ok(0));
        assert_eq!(whole("-1"), Ok(-1));
        assert_eq!(whole("10x"), Err(NumberError::NotANumber));
        assert_eq!(whole("09"), Err(NumberError::NotANumber));
        assert_eq!(whole(""), Err(NumberError::NotANumber));
        assert_eq!(whole("99999999999999999999"), Err(NumberError::Range));
    }
}
