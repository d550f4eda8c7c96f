//! Durations as Go writes them (`1h30m`), which is how Open Data Hub's documents and its login service have them.

/// A duration in milliseconds. Finer parts are refused: nobody here waits for microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(u64);

// === impl Duration ===

impl Duration {
    /// From whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }

    /// From whole milliseconds.
    pub const fn milliseconds(milliseconds: u64) -> Self {
        Self(milliseconds)
    }

    /// Whether it is nothing, which in Open Data Hub's documents stands for the default.
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads `1h30m`, `1.5s`, `500ms`, `0`; no sign, no unit below the millisecond, at most some hundred years.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "0" {
            return Some(Self(0));
        }
        if text.is_empty() {
            return None;
        }
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
            let (number, tail) = rest.split_at(digits);
            let unit_end = tail
                .find(|c: char| c.is_ascii_digit() || c == '.')
                .unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_end);
            let unit: u64 = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                _ => return None,
            };
            total = total.checked_add(scaled(number, unit)?)?;
            rest = tail;
        }
        // Go's durations end at 2^63 nanoseconds.
        (total < 9_000_000_000_000).then_some(Self(total))
    }

    /// As Go writes it: `24h0m0s`, `1m30s`, `1.5s`, `500ms`.
    pub fn to_go(self) -> String {
        if self.0 == 0 {
            return "0s".into();
        }
        if self.0 < 1000 {
            return format!("{}ms", self.0);
        }
        let (hours, minutes) = (self.0 / 3_600_000, self.0 / 60_000 % 60);
        let seconds = Self(self.0 % 60_000).to_proto();
        match (hours, minutes) {
            (0, 0) => seconds,
            (0, minutes) => format!("{minutes}m{seconds}"),
            (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
        }
    }

    /// As protobuf's JSON has it, which is how Envoy reads it: `90s`, `1.5s`.
    pub fn to_proto(self) -> String {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return format!("{whole}s");
        }
        let fraction = format!("{rest:03}");
        format!("{whole}.{}s", fraction.trim_end_matches('0'))
    }

    /// As OpenShift's router has it: one whole number with its unit.
    pub fn to_router(self) -> String {
        match self.0 % 1000 {
            0 => format!("{}s", self.0 / 1000),
            _ => format!("{}ms", self.0),
        }
    }

    /// As the Gateway API has it (GEP-2257): whole numbers, `1h30m`, `1s500ms`.
    pub fn to_gateway_api(self) -> String {
        let parts = [
            (self.0 / 3_600_000, "h"),
            (self.0 / 60_000 % 60, "m"),
            (self.0 / 1000 % 60, "s"),
            (self.0 % 1000, "ms"),
        ];
        let some: String = parts
            .iter()
            .filter(|(amount, _)| *amount > 0)
            .map(|(amount, unit)| format!("{amount}{unit}"))
            .collect();
        if some.is_empty() { "0s".into() } else { some }
    }
}

/// A decimal number times a unit, if that is whole.
fn scaled(number: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || fraction.len() > 9 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut scale: u64 = 1;
    let mut part: u64 = 0;
    for digit in fraction.bytes() {
        scale *= 10;
        part = part * 10 + u64::from(digit - b'0');
    }
    let product = part.checked_mul(unit)?;
    (product % scale == 0).then_some(())?;
    whole.checked_mul(unit)?.checked_add(product / scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_and_written_in_three_dialects() {
        for (text, go, proto, gateway) in [
            ("24h", "24h0m0s", "86400s", "24h"),
            ("1h", "1h0m0s", "3600s", "1h"),
            ("30m", "30m0s", "1800s", "30m"),
            ("1m30s", "1m30s", "90s", "1m30s"),
            ("1.5s", "1.5s", "1.5s", "1s500ms"),
            ("500ms", "500ms", "0.5s", "500ms"),
            ("0.5h", "30m0s", "1800s", "30m"),
            ("0s", "0s", "0s", "0s"),
            ("0", "0s", "0s", "0s"),
            (".5s", "500ms", "0.5s", "500ms"),
        ] {
            let read = Duration::parse(text).unwrap();
            let written = (read.to_go(), read.to_proto(), read.to_gateway_api());
            assert_eq!(
                written,
                (go.to_owned(), proto.to_owned(), gateway.to_owned()),
                "{text}"
            );
        }
        for (text, router) in [("5m", "300s"), ("1h30m", "5400s"), ("1.5s", "1500ms")] {
            assert_eq!(Duration::parse(text).unwrap().to_router(), router, "{text}");
        }
        for wrong in [
            "",
            "one day",
            "1d",
            "5",
            "-1s",
            "s",
            "1s2",
            "1..5s",
            "1us",
            "99999999999h",
            "1.0000000001s",
            "0.0001s",
            ".s",
        ] {
            assert_eq!(Duration::parse(wrong), None, "{wrong}");
        }
    }
}
