//! Numbers of JSON5.

use serde_json::Number;

/// The largest whole number up to which every whole number has its own `f64`, 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a number cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadNumber {
    Malformed,
    /// `Infinity`, `NaN`, or digits that amount to one.
    NotFinite,
}

/// Reads the characters of one number (sign included).
///
/// A whole number stays an integer however it is written (`1e3`, `18789.0`, `0x10`), for in JavaScript there is no
/// difference and a port must not be refused for its spelling.
pub(super) fn read(text: &str) -> Result<Number, BadNumber> {
    let (negative, digits) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if matches!(digits, "Infinity" | "NaN") {
        return Err(BadNumber::NotFinite);
    }
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return hexadecimal(hex, negative);
    }
    check_decimal(digits)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let signed = if negative { format!("-{digits}") } else { digits.to_owned() };
        if let Ok(whole) = signed.parse::<i64>() {
            return Ok(whole.into());
        }
        if let Ok(whole) = signed.parse::<u64>() {
            return Ok(whole.into());
        }
    }
    let magnitude: f64 = digits.parse().ok().ok_or(BadNumber::Malformed)?;
    from_float(if negative { -magnitude } else { magnitude })
}

fn hexadecimal(hex: &str, negative: bool) -> Result<Number, BadNumber> {
    if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(BadNumber::Malformed);
    }
    if let Ok(whole) = u64::from_str_radix(hex, 16) {
        return match (negative, i64::try_from(whole)) {
            (false, _) => Ok(whole.into()),
            (true, Ok(whole)) => Ok((-whole).into()),
            (true, Err(_)) => Number::from_f64(-big(hex)).ok_or(BadNumber::NotFinite),
        };
    }
    Number::from_f64(if negative { -big(hex) } else { big(hex) }).ok_or(BadNumber::NotFinite)
}

/// The value of more hexadecimal digits than an integer holds.
fn big(hex: &str) -> f64 {
    hex.chars().filter_map(|digit| digit.to_digit(16)).fold(0.0, |sum, digit| sum * 16.0 + f64::from(digit))
}

fn from_float(number: f64) -> Result<Number, BadNumber> {
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and at most 2^53, so it fits exactly")]
        return Ok((number as i64).into());
    }
    Number::from_f64(number).ok_or(BadNumber::NotFinite)
}

/// Digits with at most one point and an exponent; no leading zero before another digit.
fn check_decimal(digits: &str) -> Result<(), BadNumber> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|part| {
        let bare = part.strip_prefix(['+', '-']).unwrap_or(part);
        !bare.is_empty() && all_digits(bare)
    });
    let padded = whole.len() > 1 && whole.starts_with('0');
    if !all_digits(whole)
        || !all_digits(fraction)
        || (whole.is_empty() && fraction.is_empty())
        || padded
        || !exponent_fits
    {
        return Err(BadNumber::Malformed);
    }
    Ok(())
}
