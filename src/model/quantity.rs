//! Kubernetes quantities, far enough to compare requests with limits.
//!
//! Source of the grammar: kubernetes/apimachinery `pkg/api/resource/quantity.go`.

/// An amount in thousand-millionths (nano), the smallest step a quantity has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(i128);

// === impl Quantity ===

impl Quantity {
    /// Reads a quantity: `100m`, `0.5`, `64Mi`, `1e3`. `None` for anything else, and for amounts beyond 2^63.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text
            .find(|c: char| !matches!(c, '0'..='9' | '.' | '+' | '-'))
            .unwrap_or(text.len());
        let (number, suffix) = text.split_at(digits);
        let (negative, number) = match number.as_bytes().first()? {
            b'-' => (true, &number[1..]),
            b'+' => (false, &number[1..]),
            _ => (false, number),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) || number.len() > 24
        {
            return None;
        }
        let (multiplier, divisor) = scale(suffix)?;
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let places = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let scaled = digits.checked_mul(NANO)?.checked_mul(multiplier)?;
        // Finer than a nano is rounded up, as Kubernetes does.
        let per = places.checked_mul(divisor)?;
        let nanos = (scaled + per - 1) / per;
        (nanos / NANO <= i128::from(i64::MAX)).then_some(Self(if negative { -nanos } else { nanos }))
    }

    /// The one spelling of a quantity that Kubernetes itself writes: no fraction, the largest suffix of the family it was
    /// written in (of thousands, where one of 1024 does not come out even). `None` for what is no quantity.
    pub fn canonical(text: &str) -> Option<String> {
        let Self(nanos) = Self::parse(text)?;
        let suffix = text.trim_start_matches(|c: char| matches!(c, '0'..='9' | '.' | '+' | '-'));
        if nanos == 0 {
            return Some("0".to_owned());
        }
        if suffix.ends_with('i') && nanos.abs() >= 1024 * NANO && nanos % NANO == 0 {
            let mut units = nanos / NANO;
            let mut power = 0;
            while units % 1024 == 0 && power < BINARY.len() {
                units /= 1024;
                power += 1;
            }
            let suffix = power.checked_sub(1).map_or("", |index| BINARY[index]);
            return Some(format!("{units}{suffix}"));
        }
        let (mut mantissa, mut exponent) = (nanos, -9_i32);
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        while exponent % 3 != 0 {
            mantissa *= 10;
            exponent -= 1;
        }
        if suffix.starts_with(['e', 'E']) && suffix.len() > 1 {
            return Some(match exponent {
                0 => mantissa.to_string(),
                _ => format!("{mantissa}{}{exponent}", &suffix[..1]),
            });
        }
        let index = usize::try_from((exponent + 9) / 3).ok()?;
        Some(format!("{mantissa}{}", DECIMAL.get(index)?))
    }

    /// Below zero.
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// Suffixes by powers of 1024, from the first.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Suffixes by powers of 1000, from the minus third.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

const NANO: i128 = 1_000_000_000;

fn scale(suffix: &str) -> Option<(i128, i128)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 1));
    let decimal = |power: u32| Some((10_i128.pow(power), 1));
    match suffix {
        "" => Some((1, 1)),
        "n" => Some((1, NANO)),
        "u" => Some((1, 1_000_000)),
        "m" => Some((1, 1_000)),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = exponent.unsigned_abs();
            if power > 18 {
                return None;
            }
            let factor = 10_i128.pow(power);
            Some(if exponent < 0 { (1, factor) } else { (factor, 1) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_compare_by_amount() {
        let q = |text: &str| Quantity::parse(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(q("0.2"), q("200m"));
        assert_eq!(q("0.25Gi"), q("256Mi"));
        assert_eq!(q("1e3"), q("1k"));
        assert_eq!(q("100E-3"), q("100m"));
        assert!(q("128Mi") > q("64Mi") && q("1") > q("999m") && q("64Mi") > q("64M"));
        assert!(q("-1").is_negative() && !q("0").is_negative());
    }

    /// Pairs from runs of the real API machinery (`fixtures/odh-notebook-controller`), and of its rules.
    #[test]
    fn canonical_is_what_kubernetes_writes() {
        for (text, canonical) in [
            ("0.5", "500m"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.2", "200m"),
            ("0.25Gi", "256Mi"),
            ("1", "1"),
            ("1000", "1k"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("512", "512"),
            ("0.5Ki", "512"),
            ("1e3", "1e3"),
            ("1E3", "1E3"),
            ("100e1", "1e3"),
            ("64M", "64M"),
            ("0", "0"),
            ("0Gi", "0"),
            ("-1", "-1"),
            ("+8", "8"),
            ("0.1Mi", "104857600m"),
            ("1.1Ki", "1126400m"),
            ("0.3Gi", "322122547200m"),
            ("1E", "1E"),
        ] {
            let found = Quantity::canonical(text);
            assert_eq!(found.as_deref(), Some(canonical), "{text}");
            assert_eq!(Quantity::canonical(canonical).as_deref(), Some(canonical));
        }
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for bad in [
            "",
            "lots",
            "1 Gi",
            "1.2.3",
            "1gb",
            "1e",
            "--1",
            ".",
            "1e99",
            "99999999999999999999999999",
            "Mi",
            "1-2",
        ] {
            assert_eq!(Quantity::parse(bad), None, "{bad}");
        }
    }
}
