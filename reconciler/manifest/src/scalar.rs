//! Plain scalars by the core schema of YAML 1.2.2, section 10.3.2.

use crate::node::Content;

/// A plain scalar's type by the core schema; `None` for infinite and undefined numbers.
pub(crate) fn plain(text: &str) -> Option<Content> {
    let number = |number: serde_json::Number| Some(Content::Number(number, text.to_owned()));
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Some(Content::Null),
        "true" | "True" | "TRUE" => return Some(Content::Flag(true)),
        "false" | "False" | "FALSE" => return Some(Content::Flag(false)),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return None;
    }
    for (prefix, radix) in [("0o", 8), ("0x", 16)] {
        if let Some(digits) = text.strip_prefix(prefix)
            && !digits.is_empty()
            && digits.chars().all(|digit| digit.is_digit(radix))
        {
            return u64::from_str_radix(digits, radix)
                .ok()
                .and_then(|value| number(value.into()));
        }
    }
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unsigned.is_empty() && digits(unsigned) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        let signed = plain.parse::<i64>().ok().map(serde_json::Number::from);
        let whole = signed.or_else(|| plain.parse::<u64>().ok().map(serde_json::Number::from));
        return whole.and_then(number);
    }
    if is_float(unsigned) {
        let plain = text.strip_prefix('+').unwrap_or(text);
        return plain
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .and_then(number);
    }
    Some(Content::Text(text.to_owned()))
}

/// `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`
fn is_float(text: &str) -> bool {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        ),
        None => (text, None),
    };
    if exponent.is_some_and(|exponent| exponent.is_empty() || !digits(exponent)) {
        return false;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty())
}
