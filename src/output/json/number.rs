//! Numbers as mosquitto prints them again: through a double, with as few digits as tell it apart.

use super::emitter::Emitter;

/// Prints a JSON number again: whole numbers of 32 bits as such, others with 15 digits, or 17 where 15 are
/// not enough, as C's `%g` does. What is too large for a double is `null`.
pub(super) fn push_number(text: &str, json: &mut Emitter<'_>) {
    let Ok(value) = text.parse::<f64>() else { return json.raw(b"null") };
    if !value.is_finite() {
        return json.raw(b"null");
    }
    if value.fract() == 0.0 && value.abs() <= f64::from(i32::MAX) {
        return json
            .raw(format!("{value:.0}").trim_start_matches(if value == 0.0 { "-" } else { "" }).as_bytes());
    }
    let short = general(value, 15);
    let close = short
        .parse::<f64>()
        .is_ok_and(|read| (read - value).abs() <= read.abs().max(value.abs()) * f64::EPSILON);
    let shown = if close { short } else { general(value, 17) };
    json.raw(shown.as_bytes());
}

/// C's `%.{digits}g` of a finite number.
fn general(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    let precision = digits as i32 - 1 - exponent;
    if exponent < -4 || precision < 0 {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trim(mantissa), exponent.unsigned_abs())
    } else {
        trim(&format!("{value:.*}", precision as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Presentation;
    use super::super::emitter::{Layout, Look};
    use super::*;

    #[test]
    fn numbers_come_out_as_mosquitto_prints_them() {
        for (text, shown) in [
            ("0", "0"),
            ("-0", "0"),
            ("-0.0", "0"),
            ("2.50", "2.5"),
            ("1e3", "1000"),
            ("-17", "-17"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.3"),
            ("2147483647", "2147483647"),
            ("2147483648", "2147483648"),
            ("10000000000", "10000000000"),
            ("123456789012345", "123456789012345"),
            ("12345678901234567890", "1.2345678901234567e+19"),
            ("1e15", "1e+15"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-1.5E-10", "-1.5e-10"),
            ("1e300", "1e+300"),
            ("1e400", "null"),
        ] {
            let mut out = Vec::new();
            let look = Look::new(Layout::Compact, &Presentation::default());
            push_number(text, &mut Emitter::new(&look, &mut out));
            assert_eq!(String::from_utf8_lossy(&out), shown, "{text}");
        }
    }
}
