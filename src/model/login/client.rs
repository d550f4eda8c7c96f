//! The OIDC client: what the documents say of it, and what the cluster's own `Authentication` says against it.

use core::net::Ipv6Addr; // a parser; nothing of core reaches outside

use super::{Around, CLIENT_SECRET_KEY, CREDENTIALS, KEYS, Provider, TLS_SECRET, first_provider};
use crate::input::auth::{AuthSpec, Provider as AuthProvider};
use crate::input::platform::{AuthMode, OnMissingOidc, Operator};
use crate::krm::object_id::ObjectId;
use crate::krm::results::Finding;
use crate::model::gateway;
use crate::model::names::{is_dns_name, is_secret_key};
use crate::model::platform::Platform;

/// Longest issuer that Open Data Hub takes.
const ISSUER_MAX: usize = 2048;

/// The OIDC client as the documents have it, whichever of them does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Client {
    issuer: Option<String>,
    id: Option<String>,
    secret: Option<String>,
    key: Option<String>,
}

/// Who authenticates people, and which fields are missing for that.
pub(super) fn provider(
    around: &Around<'_>,
    findings: &mut Vec<Finding>,
) -> (Option<Provider>, Vec<&'static str>) {
    let (client, fields) = client(around, findings);
    match around.mode {
        Some(AuthMode::Oidc) => {}
        Some(mode) => {
            if client != Client::default() {
                let message = format!(
                    "has no effect: people log in by authMode {}, which asks no OIDC client",
                    mode.word()
                );
                findings.push(fields.place(Finding::warning(message), ""));
            }
            return (
                (mode == AuthMode::OpenShift).then_some(Provider::OpenShift),
                Vec::new(),
            );
        }
        None => return (None, Vec::new()),
    }
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let (issuer, id, secret) = (given(&client.issuer), given(&client.id), given(&client.secret));
    if let Some(issuer) = &issuer {
        check_issuer(issuer, fields, findings);
    }
    if let Some(id) = &id
        && (id.trim() != id || !id.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
    {
        // RFC 6749, appendix A.1
        let message = "must be printable ASCII without blanks around it, as a client's id is";
        findings.push(fields.place(Finding::error(message).found(id.clone()), fields.id));
    }
    if let Some(name) = secret.as_ref().filter(|name| !is_dns_name(name)) {
        let message = "is no name of a Secret: lower-case letters, digits, dashes and dots";
        findings.push(fields.place(Finding::error(message).found(name.clone()), fields.secret));
    }
    let key = given(&client.key).unwrap_or_else(|| CLIENT_SECRET_KEY.to_owned());
    if !is_secret_key(&key) {
        let message = "is no key of a Secret: letters, digits, dashes, dots and underscores";
        findings.push(fields.place(Finding::error(message).found(key.clone()), fields.key));
    }
    let of_cookies = secret.as_deref() == Some(CREDENTIALS) && key == KEYS[2];
    if of_cookies || secret.as_deref() == Some(TLS_SECRET) {
        let message = "is the login service's own, for its sessions or its certificate, and not the client's";
        let finding = Finding::error(message).found(secret.clone().unwrap_or_default());
        findings.push(fields.place(finding, fields.secret));
    }
    secret_namespace(around, findings);
    cross_check(around, issuer.as_deref(), id.as_deref(), fields, findings);
    let rows = [
        (&issuer, fields.issuer),
        (&id, fields.id),
        (&secret, fields.secret),
    ];
    let missing: Vec<&str> = rows
        .iter()
        .filter(|(value, _)| value.is_none())
        .map(|(_, field)| *field)
        .collect();
    let (Some(issuer), Some(client_id), Some(secret)) = (issuer, id, secret) else {
        let finding = incomplete(around.platform, &missing, client != Client::default());
        findings.push(fields.place(finding, missing.first().copied().unwrap_or_default()));
        return (None, missing);
    };
    let provider = Provider::Oidc {
        issuer,
        client_id,
        secret,
        key,
    };
    (Some(provider), missing)
}

/// The fields that are missing of the client of an Auth that says itself that people log in by OIDC. One that says nothing
/// of it leaves the client to whoever defines the gateway.
pub fn missing_of_auth(spec: &AuthSpec) -> Vec<&'static str> {
    if spec.provider != Some(AuthProvider::Oidc) {
        return Vec::new();
    }
    let client = spec.oidc.clone().unwrap_or_default();
    let rows = [
        (client.issuer_url, "spec.oidc.issuerUrl"),
        (client.client_id, "spec.oidc.clientId"),
        (client.client_secret_name, "spec.oidc.clientSecretName"),
    ];
    let is_missing = |text: &Option<String>| text.as_ref().is_none_or(|text| text.trim().is_empty());
    let missing = rows.iter().filter(|(text, _)| is_missing(text));
    missing.map(|(_, field)| *field).collect()
}

/// What is said of a client that lacks something. Beside Open Data Hub's operator a half one is an error: the API refuses
/// it, or that operator runs a login service with what there is.
pub fn incomplete(platform: &Platform, missing: &[&str], is_half: bool) -> Finding {
    let facts = &platform.facts;
    let beside = facts.operator == Operator::OpenDataHub;
    let rest = if facts.on_missing_oidc == OnMissingOidc::Fail {
        "set it, or onMissingOidc: fence in the Platform to have everything but what exposes"
    } else if beside && is_half {
        "Open Data Hub's operator would make a login of its own with the rest; complete it, or take oidc out"
    } else if beside {
        "nothing that exposes is written until they are there (state AwaitingOIDCConfiguration); Open Data Hub's operator \
         keeps its Route all the same, and the gateway refuses what comes by it"
    } else {
        "nothing is exposed until they are there (state AwaitingOIDCConfiguration)"
    };
    let message = format!(
        "people log in by OIDC, and the OIDC configuration lacks {}: {rest}",
        missing.join(", ")
    );
    if facts.on_missing_oidc == OnMissingOidc::Fail || (beside && is_half) {
        Finding::error(message)
    } else {
        Finding::warning(message)
    }
}

/// Where the fields of a client stand in the document that has it.
#[derive(Clone, Copy)]
struct Fields<'a> {
    issuer: &'static str,
    id: &'static str,
    secret: &'static str,
    key: &'static str,
    document: Option<&'a ObjectId>,
}

// === impl Fields ===

impl Fields<'_> {
    /// A finding about one of them, or about the client as a whole.
    fn place(&self, mut finding: Finding, field: &str) -> Finding {
        let field = if field.is_empty() { "spec.oidc" } else { field };
        field.clone_into(&mut finding.field.get_or_insert_default().path);
        match self.document {
            Some(id) => finding.about(id),
            None => finding,
        }
    }
}

/// The client: of the `GatewayConfig`, or of the Auth.
fn client<'a>(around: &Around<'a>, findings: &mut Vec<Finding>) -> (Client, Fields<'a>) {
    let of_config = gateway::config_of(&around.read.spec)
        .and_then(|spec| spec.oidc.as_ref())
        .map(|oidc| {
            let reference = oidc.client_secret_ref.clone().unwrap_or_default();
            Client {
                issuer: oidc.issuer_url.clone(),
                id: oidc.client_id.clone(),
                secret: reference.name,
                key: reference.key.filter(|key| !key.is_empty()),
            }
        });
    let auth = around.documents.auth.as_ref();
    let of_auth = auth.and_then(|read| read.spec.oidc.as_ref()).map(|oidc| Client {
        issuer: oidc.issuer_url.clone(),
        id: oidc.client_id.clone(),
        secret: oidc.client_secret_name.clone(),
        key: None,
    });
    let config_fields = Fields {
        issuer: "spec.oidc.issuerURL",
        id: "spec.oidc.clientID",
        secret: "spec.oidc.clientSecretRef.name",
        key: "spec.oidc.clientSecretRef.key",
        document: None,
    };
    let auth_fields = Fields {
        issuer: "spec.oidc.issuerUrl",
        id: "spec.oidc.clientId",
        secret: "spec.oidc.clientSecretName",
        key: "spec.oidc.clientSecretName",
        document: auth.map(|read| &read.id),
    };
    match (of_config, of_auth) {
        (Some(config), Some(auth)) => {
            if (&config.issuer, &config.id, &config.secret) != (&auth.issuer, &auth.id, &auth.secret) {
                let message = "the GatewayConfig's oidc says something else; keep one of the two, or let both say the same";
                findings.push(auth_fields.place(Finding::error(message), ""));
            }
            (config, config_fields)
        }
        (Some(config), None) => (config, config_fields),
        (None, Some(auth)) => (auth, auth_fields),
        (None, None) if gateway::config_of(&around.read.spec).is_some() || auth.is_none() => {
            (Client::default(), config_fields)
        }
        (None, None) => (Client::default(), auth_fields),
    }
}

fn check_issuer(issuer: &str, fields: Fields<'_>, findings: &mut Vec<Finding>) {
    let rest = issuer.strip_prefix("https://");
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let message = if rest.is_none() {
        "must begin with https://: tokens and codes go there"
    } else if issuer.len() > ISSUER_MAX {
        "is longer than 2048 characters"
    } else if issuer.contains(['?', '#'])
        || issuer.contains(char::is_whitespace)
        || issuer.contains(char::is_control)
    {
        "must be a URL without query, fragment and blanks (OpenID Connect Discovery, section 3)"
    } else if host.is_none_or(|host| host.is_empty() || host.starts_with(':')) {
        "names no host"
    } else if host.is_some_and(|host| host.contains('@')) {
        "must not hold a user name"
    } else if host.is_some_and(|host| port_of(host).is_none()) {
        "has a port that is none"
    } else if !host.is_some_and(names_a_host) {
        "names no host: letters, digits, dashes and dots, or an address in brackets"
    } else if !rest.is_some_and(is_path) {
        "is no URL: what stands behind the host must be letters, digits, /-._~!$&'()*+,;=:@ and escapes such as %20"
    } else {
        return;
    };
    let mut finding = Finding::error(message).found(issuer);
    if let Some(rest) = issuer.strip_prefix("http://") {
        finding = finding.propose(format!("https://{rest}"));
    }
    findings.push(fields.place(finding, fields.issuer));
}

/// Whether a URL's authority, without user and with or without a port, has a host that can be asked.
fn names_a_host(authority: &str) -> bool {
    if let Some(address) = authority.strip_prefix('[') {
        let end = address.find(']').filter(|end| {
            let rest = &address[end + 1..];
            rest.is_empty() || rest.starts_with(':')
        });
        return end.is_some_and(|end| address[..end].parse::<Ipv6Addr>().is_ok());
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
    !port.contains(':') && is_dns_name(&host.to_ascii_lowercase().replace('_', "-"))
}

/// Whether what follows `https://` holds nothing but what a URL's path may (RFC 3986, section 3.3): a reader that finds
/// anything else takes it for something else, or refuses it.
fn is_path(rest: &str) -> bool {
    let path = rest.find('/').map_or("", |start| &rest[start..]);
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let is_plain = byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
        let is_escape = |digit: Option<u8>| digit.is_some_and(|digit| digit.is_ascii_hexdigit());
        let is_escaped = byte == b'%' && is_escape(bytes.next()) && is_escape(bytes.next());
        if !is_plain && !is_escaped {
            return false;
        }
    }
    true
}

/// The port of a URL's authority; 443 where it has none.
fn port_of(authority: &str) -> Option<u16> {
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    match after_address.rsplit_once(':') {
        None => Some(443),
        Some((_, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            port.parse().ok().filter(|port| *port > 0)
        }
        Some(_) => None,
    }
}

/// The port at which an issuer answers.
pub fn issuer_port(issuer: &str) -> u16 {
    let rest = issuer.strip_prefix("https://").unwrap_or(issuer);
    port_of(rest.split('/').next().unwrap_or_default()).unwrap_or(443)
}

/// A pod mounts Secrets of its own namespace alone. Open Data Hub's operator copies, from the namespaces in its cache.
fn secret_namespace(around: &Around<'_>, findings: &mut Vec<Finding>) {
    let config = gateway::config_of(&around.read.spec);
    let given = config.and_then(|spec| spec.oidc.as_ref()?.secret_namespace.clone());
    let Some(given) = given.filter(|namespace| !namespace.is_empty()) else {
        return;
    };
    let own = &around.platform.gateway.namespace;
    let beside = around.platform.facts.operator == Operator::OpenDataHub;
    let applications = &around.platform.applications_namespace;
    let message = if beside && given != *own && given != *applications {
        format!(
            "Open Data Hub's operator reads Secrets in {own} and {applications} alone: it would fail for ever"
        )
    } else if !beside && given != *own {
        format!(
            "the login service runs in {own} and can mount Secrets of that namespace alone; move the Secret there"
        )
    } else {
        return;
    };
    let finding = Finding::error(message).at("spec.oidc.secretNamespace");
    findings.push(finding.found(given).propose(own.clone()));
}

/// What the API server trusts, against what people log in with: a token of another issuer or audience opens nothing.
fn cross_check(
    around: &Around<'_>,
    issuer: Option<&str>,
    id: Option<&str>,
    fields: Fields<'_>,
    findings: &mut Vec<Finding>,
) {
    let Some(copy) = around.documents.authentication.as_ref() else {
        return;
    };
    let providers = &copy.spec.providers;
    if providers.is_empty() {
        return;
    }
    let Some(issuer) = issuer else { return };
    let Some(trusted) = providers.iter().find(|provider| provider.issuer == issuer) else {
        let known = &providers[0].issuer;
        let message = format!(
            "the API server trusts {known} (Authentication, oidcProviders), and the two are compared byte by byte: it would \
             refuse every token"
        );
        let finding = Finding::error(message).found(issuer).propose(known.clone());
        findings.push(fields.place(finding, fields.issuer));
        return;
    };
    if let Some(id) = id.filter(|id| !trusted.audiences.iter().any(|audience| audience == id)) {
        let message = format!(
            "is none of the audiences that the API server takes (Authentication, oidcProviders: {}): it would refuse every token",
            trusted.audiences.join(", ")
        );
        findings.push(fields.place(Finding::error(message).found(id), fields.id));
    }
}

/// Whose signature the issuer has.
pub(super) fn authority(around: &Around<'_>, given: Option<&String>, findings: &mut Vec<Finding>) {
    let field = "spec.providerCASecretName";
    if let Some(name) = given {
        if !is_dns_name(name) {
            let message = "is no name of a Secret: lower-case letters, digits, dashes and dots";
            findings.push(Finding::error(message).at(field).found(name.clone()));
        }
        if around.mode == Some(AuthMode::OpenShift) {
            let message = "in OpenShift mode the login service would trust this authority instead of the cluster's own, and \
                           could not ask the API server any more; remove it";
            findings.push(Finding::error(message).at(field).found(name.clone()));
        }
    } else if let Some(provider) = first_provider(around).filter(|provider| !provider.authority.is_empty()) {
        let message = format!(
            "is missing: the issuer has an authority of its own (Authentication, issuerCertificateAuthority {}), and the login \
             service would not trust it; put the certificate into a Secret, key ca.crt, in {}, and name it here (a \
             GatewayConfig has this field)",
            provider.authority, around.platform.gateway.namespace
        );
        findings.push(Finding::error(message).at(field));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(issuer: &str) -> Option<String> {
        let fields = Fields {
            issuer: "issuer",
            id: "id",
            secret: "secret",
            key: "key",
            document: None,
        };
        let mut findings = Vec::new();
        check_issuer(issuer, fields, &mut findings);
        findings.first().map(Finding::to_line)
    }

    #[test]
    fn an_issuer_is_a_url_that_every_reader_takes_for_the_same() {
        for right in [
            "https://sso.example.com/realms/ai",
            "https://sso.example.com",
            "https://SSO.example.com/",
            "https://sso:8443/a%20b/(c)",
            "https://10.0.0.1/x",
            "https://[::1]",
            "https://[2001:db8::1]:8443/x",
            "https://my_sso.example.com",
        ] {
            assert_eq!(message(right), None, "{right}");
        }
        for wrong in [
            "https://host\\@evil",
            "https://ho%20st",
            "https://host./",
            "https://a..b",
            "https://-a",
            "https://host:+443",
            "https://host:",
            "https://host:99999",
            "https://host:1:2",
            "https://[::1",
            "https://[::1]x",
            "https://[]",
            "https://host]:443",
            "https://h\u{e9}.example.com",
            "https://host,other",
            "https://$(HOST)",
            "https://host/a\\b",
            "https://host/%zz",
            "https://host/%2",
            "https://host/\u{e9}",
            "https://host/\"",
        ] {
            assert!(message(wrong).is_some(), "{wrong}");
        }
    }
}
