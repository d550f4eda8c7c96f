//! `--tls-min-version`: Go's names of versions, and what is spoken of them. Pure.
//!
//! Source: kubernetes/component-base `cli/flag/ciphersuites_flag.go`; Open Data Hub's fork takes `TLS1.2` as well.

/// What an oldest version comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Oldest {
    /// Whether TLS 1.2 is spoken.
    pub version_12: bool,
    /// What to say of a version that never is.
    pub warning: Option<String>,
}

/// The oldest version that is spoken, by its name.
pub fn oldest(typed: &str) -> Result<Oldest, String> {
    let digits = match typed.strip_prefix("VersionTLS") {
        Some(digits) => Some(digits.to_owned()),
        None => typed
            .strip_prefix("TLS")
            .map(|rest| rest.strip_prefix('v').unwrap_or(rest).replace('.', "")),
    };
    let version_12 = match digits.as_deref() {
        Some("10" | "11" | "12") => true,
        Some("13") => false,
        // An empty value is the default, as in the stock programs.
        None if typed.is_empty() => true,
        _ => {
            return Err(format!(
                "--tls-min-version={typed}: unknown TLS version; write VersionTLS12 or VersionTLS13"
            ));
        }
    };
    let never = matches!(digits.as_deref(), Some("10" | "11"));
    Ok(Oldest {
        version_12,
        warning: never
            .then(|| format!("--tls-min-version={typed}: TLS before 1.2 is not spoken; 1.2 is the oldest")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known_in_both_spellings() {
        for (typed, version_12, warned) in [
            ("VersionTLS12", true, false),
            ("VersionTLS13", false, false),
            ("TLS1.2", true, false),
            ("TLS1.3", false, false),
            ("TLSv1.3", false, false),
            ("VersionTLS10", true, true),
            ("TLS1.1", true, true),
            ("", true, false),
        ] {
            let read = oldest(typed).unwrap();
            assert_eq!(
                (read.version_12, read.warning.is_some()),
                (version_12, warned),
                "{typed}"
            );
        }
        for typed in ["VersionTLS14", "1.2", "TLS", "tls1.2"] {
            assert!(
                oldest(typed).unwrap_err().contains("write VersionTLS12"),
                "{typed}"
            );
        }
    }
}
