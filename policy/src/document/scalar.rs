//! What an unquoted word of YAML means: the core schema (YAML 1.2.2 §10.3.2), and nothing of YAML 1.1, where
//! `no` was false and `12:30` a number.

use super::tree::Value;

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _word => {}
    }
    if let Some(number) = integer(text) {
        return Value::Integer(number);
    }
    match float(text) {
        Some(number) => Value::Float(number),
        None => Value::Text(text.into()),
    }
}

fn integer(text: &str) -> Option<i128> {
    if let Some(digits) = text.strip_prefix("0o") {
        return unsigned(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return unsigned(digits, 16);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let number = unsigned(digits, 10)?;
    Some(if text.starts_with('-') { -number } else { number })
}

fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    let all = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    // What does not fit is a float by the pattern below, and then no whole number to anybody.
    all.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
}

fn float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(f64::NAN),
        _digits => {}
    }
    let mantissa = &unsigned[..unsigned.find(['e', 'E']).unwrap_or(unsigned.len())];
    let digit = |c: char| c.is_ascii_digit();
    let shaped = mantissa.contains(digit) && mantissa.chars().all(|c| digit(c) || c == '.');
    // `parse` checks the rest: one dot, and digits in the exponent.
    if shaped { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Value, resolve};

    #[test]
    fn plain_words_mean_what_the_core_schema_says() {
        for (text, expected) in [
            ("", "Null"),
            ("~", "Null"),
            ("null", "Null"),
            ("nULL", "Text(\"nULL\")"),
            ("true", "Bool(true)"),
            ("yes", "Text(\"yes\")"),
            ("no", "Text(\"no\")"),
            ("off", "Text(\"off\")"),
            ("0", "Integer(0)"),
            ("-19", "Integer(-19)"),
            ("+12", "Integer(12)"),
            ("0o14", "Integer(12)"),
            ("0xC", "Integer(12)"),
            ("012", "Integer(12)"),
            ("12:30", "Text(\"12:30\")"),
            ("1_000", "Text(\"1_000\")"),
            ("1.5", "Float(1.5)"),
            (".5", "Float(0.5)"),
            ("12e03", "Float(12000.0)"),
            ("-.inf", "Float(-inf)"),
            (".nan", "Float(NaN)"),
            ("1.2.3", "Text(\"1.2.3\")"),
            ("10.0.0.7", "Text(\"10.0.0.7\")"),
            ("e5", "Text(\"e5\")"),
            ("inf", "Text(\"inf\")"),
            ("-", "Text(\"-\")"),
            ("60s", "Text(\"60s\")"),
        ] {
            let value: Value = resolve(text);
            assert_eq!(format!("{value:?}"), expected, "{text}");
        }
    }
}
