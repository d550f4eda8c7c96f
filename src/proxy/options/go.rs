//! Values as Go's flag packages read them: booleans, whole numbers, durations, lists with commas. Pure.
//!
//! Source: spf13/pflag `bool.go`, `uint32.go`, `string_slice.go`; Go `strconv.ParseBool`, `strconv.ParseInt` with base 0,
//! `time.ParseDuration`.

use std::fmt;
use std::time::Duration;

/// A length of time that is typed and printed as Go does: `30s`, `1m30s`, `500ms`, `0s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Units, the longest first, in nanoseconds.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ns", 1),
];

/// A boolean as `strconv.ParseBool` reads it.
pub fn boolean(typed: &str) -> Result<bool, String> {
    match typed {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".into()),
    }
}

/// A whole number: decimal, `0x`, `0o`, `0b`, or octal behind a zero; underscores between digits.
pub fn integer(typed: &str) -> Result<i64, String> {
    let wrong = || "write a whole number".to_owned();
    let (negative, digits) = match typed.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, typed.strip_prefix('+').unwrap_or(typed)),
    };
    let lower = digits.to_ascii_lowercase();
    let (base, digits) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some(_) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    // `from_str_radix` takes a second sign.
    if digits.starts_with(['+', '-', '_']) || digits.ends_with('_') {
        return Err(wrong());
    }
    let number = i64::from_str_radix(&digits.replace('_', ""), base).map_err(|_| wrong())?;
    Ok(if negative { -number } else { number })
}

/// A whole number from zero on.
pub fn unsigned(typed: &str) -> Result<u32, String> {
    let most = u32::MAX;
    u32::try_from(integer(typed)?).map_err(|_| format!("write a whole number from 0 to {most}"))
}

/// A port; 0 for none.
pub fn port(typed: &str) -> Result<u16, String> {
    u16::try_from(integer(typed)?).map_err(|_| "write a port, 1 to 65535, or 0 for none".into())
}

/// A level of `-v`: any whole number; what is below 0 is 0.
pub fn level(typed: &str) -> Result<u8, String> {
    Ok(u8::try_from(integer(typed)?.max(0)).unwrap_or(u8::MAX))
}

/// A number of `float32`, as of `--kube-api-qps`.
pub fn number(typed: &str) -> Result<f64, String> {
    typed
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| "write a number".into())
}

/// A duration that is not negative.
pub fn span(typed: &str) -> Result<Span, String> {
    let wrong = || "write a duration: 30s, 1m30s, 500ms, or 0".to_owned();
    let mut rest = typed.strip_prefix('+').unwrap_or(typed);
    if rest == "0" {
        return Ok(Span(Duration::ZERO));
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(|| format!("a unit is missing: {typed}s, {typed}m or {typed}ms?"))?;
        let (amount, behind) = rest.split_at(end);
        let end = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, after) = behind.split_at(end);
        let (_, nanoseconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let part = amount_of(amount, *nanoseconds).ok_or_else(wrong)?;
        total = total
            .checked_add(part)
            .filter(|total| i64::try_from(*total).is_ok())
            .ok_or_else(wrong)?;
        rest = after;
    }
    Ok(Span(Duration::from_nanos(total)))
}

/// `1.5` times a unit, cut to nanoseconds.
fn amount_of(amount: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut total = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        total = total.checked_add(u64::from(digit - b'0') * place)?;
    }
    Some(total)
}

/// A list with commas; `"a,b"` in quotes is one.
pub fn list(typed: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = typed;
    while !rest.is_empty() {
        let (one, behind) = match rest.strip_prefix('"') {
            Some(quoted) => until_quote(quoted),
            None => match rest.split_once(',') {
                Some((one, behind)) => (one.to_owned(), behind),
                None => (rest.to_owned(), ""),
            },
        };
        found.push(one);
        rest = behind;
    }
    found
}

/// What stands before the closing quote (`""` is one quote), and what is behind the comma after it.
fn until_quote(quoted: &str) -> (String, &str) {
    let mut one = String::new();
    let mut rest = quoted;
    while let Some((part, behind)) = rest.split_once('"') {
        one.push_str(part);
        match behind.strip_prefix('"') {
            Some(more) => {
                one.push('"');
                rest = more;
            }
            None => return (one, behind.strip_prefix(',').unwrap_or(behind)),
        }
    }
    one.push_str(rest);
    (one, "")
}

// === impl Span ===

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX);
        if left == 0 {
            return f.write_str("0s");
        }
        for (unit, nanoseconds) in UNITS.iter().filter(|(unit, _)| unit.is_ascii()) {
            let amount = left / nanoseconds;
            left %= nanoseconds;
            if amount > 0 {
                write!(f, "{amount}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_are_those_of_go() {
        for (typed, means) in [
            ("1", true),
            ("T", true),
            ("True", true),
            ("f", false),
            ("FALSE", false),
        ] {
            assert_eq!(boolean(typed), Ok(means), "{typed}");
        }
        for typed in ["", "yes", "maybe", "tRUE", " true"] {
            assert!(boolean(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn numbers_are_read_with_their_base() {
        for (typed, means) in [
            ("0", 0),
            ("8444", 8444),
            ("-1", -1),
            ("0x20fc", 8444),
            ("0b101", 5),
            ("010", 8),
            ("1_000", 1000),
        ] {
            assert_eq!(integer(typed), Ok(means), "{typed}");
        }
        for typed in ["", "-", "abc", "08", "1.5", "+-1", "0x", "1_", "1e3"] {
            assert!(integer(typed).is_err(), "{typed}");
        }
        assert!(port("65536").is_err());
        assert!(port("-1").is_err());
        assert!(unsigned("-1").is_err());
        assert_eq!(level("-3"), Ok(0));
        assert_eq!(level("1000"), Ok(255));
    }

    #[test]
    fn durations_are_read_and_printed_as_go_does() {
        for (typed, nanoseconds, printed) in [
            ("0", 0, "0s"),
            ("0s", 0, "0s"),
            ("30s", 30_000_000_000, "30s"),
            ("1m0s", 60_000_000_000, "1m"),
            ("1m30s", 90_000_000_000, "1m30s"),
            ("1.5h", 5_400_000_000_000, "1h30m"),
            (".5s", 500_000_000, "500ms"),
            ("500ms", 500_000_000, "500ms"),
            ("3µs", 3_000, "3us"),
        ] {
            let read = span(typed).unwrap();
            assert_eq!(read.0, Duration::from_nanos(nanoseconds), "{typed}");
            assert_eq!(read.to_string(), printed);
            assert_eq!(span(printed), Ok(read));
        }
        for typed in [
            "", "5", "-1s", "s", ".s", "1.2.3s", "1d", "30 s", "9999999h", "1s1", "+",
        ] {
            assert!(span(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn lists_are_split_at_commas_outside_quotes() {
        assert_eq!(list("/a,/b/*"), ["/a", "/b/*"]);
        assert_eq!(list("\"/a,b\",/c"), ["/a,b", "/c"]);
        assert_eq!(list("\"a\"\"b\""), ["a\"b"]);
        assert!(list("").is_empty());
    }
}
