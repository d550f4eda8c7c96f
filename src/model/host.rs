//! The gateway's host name.

use super::names::is_dns_name;
use crate::input::cluster::Ingress;

/// What the host is made of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The whole name, where a document says it.
    pub hostname: Option<&'a str>,
    /// The first label.
    pub subdomain: &'a str,
    /// The domain in the gateway's own document.
    pub domain: Option<&'a str>,
    /// Platform's domain.
    pub platform: Option<&'a str>,
    /// The cluster's `Ingress` in the input.
    pub copy: Option<&'a Ingress>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The whole name.
    pub name: String,
    /// The domain it was made with; none where the whole name was given.
    pub domain: Option<String>,
    /// The cluster's ingress domain, where it is known: what OpenShift's default certificate covers.
    pub ingress_domain: Option<String>,
}

/// Why there is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// No domain is known.
    NoDomain,
    /// A wildcard is no name of a host.
    Wildcard,
    /// Not a name that DNS has.
    NoName,
}

// === impl Problem ===

impl Problem {
    /// What is wrong, and what to do.
    pub fn message(self) -> &'static str {
        match self {
            Self::NoDomain => {
                "is missing: the gateway needs a host name. Set it here, or domain in the Platform, or put a copy of \
                 Ingress/cluster into the input, marked config.kubernetes.io/local-config: \"true\""
            }
            Self::Wildcard => "must be the name of one domain: a gateway cannot be reached under a wildcard",
            Self::NoName => {
                "does not make a host name: lower-case letters, digits, dashes and dots, 63 characters at most between dots"
            }
        }
    }
}

/// The host: the whole name if given, else the first label within the gateway's own domain, Platform's, the cluster's
/// `appsDomain`, its `domain` (in that order; opendatahub-operator `pkg/cluster/cluster_config.go`, `GetDomain`).
///
/// # Errors
/// See [`Problem`].
pub fn resolve(known: Known<'_>) -> Result<Host, Problem> {
    let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let of_cluster = known.copy.and_then(|ingress| {
        let own = Some(ingress.apps_domain.as_str()).filter(|domain| !domain.is_empty());
        given(own.or(Some(&ingress.domain)))
    });
    // The router's certificate is made for the cluster's own domain; appsDomain has one only if somebody made it.
    let own = known.copy.map(|ingress| ingress.domain.as_str());
    let ingress_domain = given(own).or(given(known.platform));
    let default = given(known.platform).or(of_cluster);
    let (name, domain) = if let Some(name) = given(known.hostname) {
        (name, None)
    } else {
        let domain = given(known.domain).or(default);
        let domain = domain.ok_or(Problem::NoDomain)?;
        (format!("{}.{domain}", known.subdomain), Some(domain))
    };
    if name.contains('*') {
        return Err(Problem::Wildcard);
    }
    // One label alone is in no domain, and cookies need one.
    // A name that ends in a number is an address to a browser, and a Gateway's host can be none.
    let is_address = |name: &str| {
        name.rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
    };
    if !is_dns_name(&name) || !name.contains('.') || is_address(&name) {
        return Err(Problem::NoName);
    }
    Ok(Host {
        name,
        domain,
        ingress_domain,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_comes_from_the_nearest_place_that_names_a_domain() {
        let both = Ingress {
            domain: "apps.example.com".into(),
            apps_domain: "ai.example.com".into(),
        };
        let plain = Ingress {
            domain: "apps.example.com".into(),
            apps_domain: String::new(),
        };
        let known = |hostname, subdomain, domain, platform, copy| Known {
            hostname,
            subdomain,
            domain,
            platform,
            copy,
        };
        for (known, expected) in [
            (
                known(
                    None,
                    "rh-ai",
                    Some("own.example.com"),
                    Some("p.example.com"),
                    Some(&both),
                ),
                Ok("rh-ai.own.example.com"),
            ),
            (
                known(None, "rh-ai", None, Some("p.example.com"), Some(&both)),
                Ok("rh-ai.p.example.com"),
            ),
            (
                known(None, "rh-ai", Some(""), None, Some(&both)),
                Ok("rh-ai.ai.example.com"),
            ),
            (
                known(None, "ai", None, None, Some(&plain)),
                Ok("ai.apps.example.com"),
            ),
            (
                known(Some("data.example.org"), "rh-ai", Some("x"), None, None),
                Ok("data.example.org"),
            ),
            (known(None, "rh-ai", None, None, None), Err(Problem::NoDomain)),
            (
                known(None, "rh-ai", None, None, Some(&Ingress::default())),
                Err(Problem::NoDomain),
            ),
            (
                known(None, "rh-ai", Some("*.example.org"), None, None),
                Err(Problem::Wildcard),
            ),
            (
                known(None, "RH", Some("example.org"), None, None),
                Err(Problem::NoName),
            ),
            (
                known(None, "rh-ai", Some("example.org."), None, None),
                Err(Problem::NoName),
            ),
            (
                known(Some("192.0.2.1"), "rh-ai", None, None, None),
                Err(Problem::NoName),
            ),
            (
                known(None, "rh-ai", Some("192.0.2.1"), None, None),
                Err(Problem::NoName),
            ),
            (
                known(Some("localhost"), "rh-ai", None, None, None),
                Err(Problem::NoName),
            ),
        ] {
            let found = resolve(known).map(|host| host.name);
            assert_eq!(found, expected.map(str::to_owned), "{known:?}");
        }
    }
}
