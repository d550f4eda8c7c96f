//! The TLS versions and ciphers of what we run, as the cluster's API server has them.
//!
//! Sources: openshift/api `config/v1/types_tlssecurityprofile.go`; opendatahub-operator `pkg/tls/profile.go`, whose answers
//! were recorded.

use crate::input::cluster::TlsSecurityProfile;

/// A TLS profile, in the words of Go's `crypto/tls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsProfile {
    /// `TLS1.2` or `TLS1.3`.
    pub min_version: &'static str,
    /// Cipher suites by their IANA names.
    pub ciphers: Vec<&'static str>,
}

/// The three suites of TLS 1.3.
const MODERN: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];

/// OpenSSL's name of each suite that Go has and that is not weak, and Go's own.
const SUITES: [(&str, &str); 9] = [
    ("TLS_AES_128_GCM_SHA256", MODERN[0]),
    ("TLS_AES_256_GCM_SHA384", MODERN[1]),
    ("TLS_CHACHA20_POLY1305_SHA256", MODERN[2]),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    ),
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ),
];

/// The profile: Intermediate where nothing says otherwise, and for everything weaker.
pub fn resolve(given: Option<&TlsSecurityProfile>) -> TlsProfile {
    match given.map(|profile| (profile.kind.as_str(), &profile.custom)) {
        Some(("Modern", _)) => TlsProfile {
            min_version: "TLS1.3",
            ciphers: MODERN.to_vec(),
        },
        Some(("Custom", Some((version, ciphers)))) => custom(version, ciphers),
        _ => intermediate(),
    }
}

fn intermediate() -> TlsProfile {
    TlsProfile {
        min_version: "TLS1.2",
        ciphers: SUITES.iter().map(|(_, name)| *name).collect(),
    }
}

/// A version below 1.2 takes its ciphers with it; ciphers that Go does not have are left out.
fn custom(version: &str, ciphers: &[String]) -> TlsProfile {
    let min_version = match version {
        "VersionTLS12" => "TLS1.2",
        "VersionTLS13" => "TLS1.3",
        _ => return intermediate(),
    };
    let named = |cipher: &String| {
        let row = SUITES
            .iter()
            .find(|(openssl, name)| cipher == openssl || cipher == name);
        row.map(|(_, name)| *name)
    };
    let ciphers: Vec<&str> = ciphers.iter().filter_map(named).collect();
    if ciphers.is_empty() {
        return TlsProfile {
            min_version,
            ciphers: resolve(None).ciphers,
        };
    }
    TlsProfile { min_version, ciphers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(kind: &str, custom: Option<(&str, &[&str])>) -> TlsSecurityProfile {
        TlsSecurityProfile {
            kind: kind.into(),
            custom: custom.map(|(version, ciphers)| {
                let ciphers = ciphers.iter().map(|name| (*name).to_owned());
                (version.into(), ciphers.collect())
            }),
        }
    }

    #[test]
    fn what_is_weak_or_unknown_is_the_intermediate_profile() {
        let weak = ["ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"];
        for (given, version, count) in [
            (None, "TLS1.2", 9),
            (Some(profile("", None)), "TLS1.2", 9),
            (Some(profile("Old", None)), "TLS1.2", 9),
            (Some(profile("Intermediate", None)), "TLS1.2", 9),
            (Some(profile("Newest", None)), "TLS1.2", 9),
            (Some(profile("Modern", None)), "TLS1.3", 3),
            (Some(profile("Custom", None)), "TLS1.2", 9),
            (
                Some(profile("Custom", Some(("VersionTLS12", &weak)))),
                "TLS1.2",
                1,
            ),
            (
                Some(profile("Custom", Some(("VersionTLS12", &weak[1..])))),
                "TLS1.2",
                9,
            ),
            (
                Some(profile("Custom", Some(("VersionTLS10", &weak)))),
                "TLS1.2",
                9,
            ),
            (
                Some(profile("Custom", Some(("VersionTLS13", &MODERN)))),
                "TLS1.3",
                3,
            ),
        ] {
            let found = resolve(given.as_ref());
            assert_eq!(
                (found.min_version, found.ciphers.len()),
                (version, count),
                "{given:?}"
            );
        }
    }
}
