//! Cipher suites as Go's `crypto/tls` names them (`--tls-cipher-suites`). Of TLS 1.2 those alone that rustls has; the suites of
//! TLS 1.3 cannot be chosen in Go either, and are always there.

use rustls::CipherSuite;

/// The suites of TLS 1.2 that are spoken.
const KNOWN: [(&str, CipherSuite); 6] = [
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Names that Go has and that are not spoken here: weak, without forward secrecy, or of TLS 1.3.
const FOREIGN: [&str; 19] = [
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];

/// What a name of a suite says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// Spoken here.
    Spoken(CipherSuite),
    /// Go's, and not spoken here.
    Foreign,
}

/// A suite by Go's name, old spellings included. None: nobody's.
pub fn suite(name: &str) -> Option<Suite> {
    let name = match name {
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        name => name,
    };
    let spoken = KNOWN.iter().find(|(known, _)| *known == name);
    match spoken {
        Some((_, suite)) => Some(Suite::Spoken(*suite)),
        None => FOREIGN.contains(&name).then_some(Suite::Foreign),
    }
}

/// The suites of these names that are spoken.
///
/// # Errors
/// A name that is nobody's; none that is spoken.
pub fn suites(names: &[String]) -> Result<Vec<CipherSuite>, String> {
    let mut found = Vec::new();
    for name in names {
        match suite(name.trim()) {
            Some(Suite::Spoken(suite)) => found.push(suite),
            Some(Suite::Foreign) => {}
            None => {
                return Err(format!(
                    "--tls-cipher-suites: Cipher suite {name} not supported or doesn't exist"
                ));
            }
        }
    }
    if found.is_empty()
        && !names
            .iter()
            .any(|name| name.starts_with("TLS_AES") || name.starts_with("TLS_CHACHA20"))
    {
        let spoken: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "--tls-cipher-suites: none of these is spoken here; name one of {}",
            spoken.join(", ")
        ));
    }
    Ok(found)
}
