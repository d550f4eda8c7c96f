//! Plain scalars that readers of YAML do not agree on.

/// Whether kubectl (YAML 1.1 booleans) and kustomize (YAML 1.2 booleans, dates as times) read this plain text as different
/// values.
pub fn readers_disagree(text: &str) -> bool {
    const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];
    let lower = text.to_ascii_lowercase();
    let one_case = text == lower
        || text.chars().skip(1).all(|c| c.is_ascii_lowercase())
        || text == text.to_ascii_uppercase();
    (one_case && WORDS.contains(&lower.as_str())) || is_date(text)
}

/// `2001-12-14`, as YAML 1.1 writes a date.
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && month.len() <= 2 && day.len() <= 2)
        && parts.iter().all(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_read_two_ways() {
        for text in ["yes", "No", "ON", "y", "2001-12-14"] {
            assert!(readers_disagree(text), "{text}");
        }
        for text in [
            "true",
            "yEs",
            "1",
            "2001-12",
            "1.2.3-4",
            "2001-12-14T00:00:00Z",
            "nope",
        ] {
            assert!(!readers_disagree(text), "{text}");
        }
    }
}
