//! The login service: its client, its session cookie, its limits.

use std::collections::BTreeMap;

use super::duration::Duration;
use super::gateway::{self, Documents, Groups, Read, Spec};
use super::groups;
use super::names::is_dns_name;
use super::platform::Platform;
use super::tls_profile::TlsProfile;
use crate::input::gateway::Cookie;
use crate::input::platform::{AuthMode, Operator};
use crate::krm::results::{Finding, Severity};

/// Name of the login service and of most of its objects.
pub const NAME: &str = "kube-auth-proxy";
/// The port at which it answers the gateway.
pub const PORT: u16 = 8443;
/// Name of that port.
pub const PORT_NAME: &str = "https";
/// The port of its metrics.
pub const METRICS_PORT: u16 = 9000;
/// The Secret with its certificate.
pub const TLS_SECRET: &str = "kube-auth-proxy-tls";
/// HTTPRoute of the paths that lead to it.
pub const ROUTE: &str = "oauth-callback-route";
/// Those paths, to the letter: everything else below `/oauth2` is a path of the applications, and checked.
pub const PATHS: [&str; 4] = [
    "/oauth2/start",
    "/oauth2/callback",
    "/oauth2/sign_in",
    "/oauth2/sign_out",
];
/// The Secret with what it must keep to itself.
pub const CREDENTIALS: &str = "kube-auth-proxy-creds";
/// The keys of that Secret: client id, client secret, and what cookies are sealed with. They are its environment variables.
pub const KEYS: [&str; 3] = [
    "OAUTH2_PROXY_CLIENT_ID",
    "OAUTH2_PROXY_CLIENT_SECRET",
    "OAUTH2_PROXY_COOKIE_SECRET",
];
/// The key of an OIDC client's Secret, where none is named.
pub const CLIENT_SECRET_KEY: &str = "clientSecret";
/// The session cookie.
pub const COOKIE: &str = "_oauth2_proxy";
/// The fewest pods.
pub const MIN_REPLICAS: u32 = 2;
/// The most pods, where nothing is said.
const MAX_REPLICAS: u32 = 10;

const EXPIRE: Duration = Duration::seconds(24 * 60 * 60);
const REFRESH: Duration = Duration::seconds(60 * 60);
const TIMEOUT: Duration = Duration::seconds(5);
/// Longest issuer that Open Data Hub takes.
const ISSUER_MAX: usize = 2048;

/// The login service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Where it sends people; none where that is not known or where there is no login.
    pub provider: Option<Provider>,
    /// Fields of the OIDC configuration that are missing.
    pub missing: Vec<&'static str>,
    /// Its image.
    pub image: String,
    /// When a session ends.
    pub expire: Duration,
    /// When a session is refreshed.
    pub refresh: Duration,
    /// How long the gateway waits for it.
    pub timeout: Duration,
    /// TLS versions and ciphers.
    pub tls: TlsProfile,
    /// Whether Kubernetes tokens are let in beside sessions.
    pub token_review: bool,
    /// Whether the issuer's certificate is verified.
    pub verify_provider: bool,
    /// Secret with the issuer's authority.
    pub provider_ca: Option<String>,
    /// The groups that are let in; none where that is everybody who can log in.
    pub allowed_groups: Option<Vec<String>>,
    /// The claim that holds the groups of a session, where the API server reads another than `groups`.
    pub groups_claim: Option<String>,
    /// The most pods.
    pub max_replicas: u32,
    /// Where its secrets come from.
    pub secrets: Secrets,
}

/// Who authenticates people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// OpenShift's own OAuth server.
    OpenShift,
    /// An `OpenID` Connect issuer.
    Oidc {
        /// To the letter of the tokens' `iss`.
        issuer: String,
        /// The client's id.
        client_id: String,
        /// The Secret with the client's secret, in the gateway's namespace.
        secret: String,
        /// The key in it.
        key: String,
    },
}

/// Where secrets come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// The store that `ExternalSecrets` fetch from; none where Secrets are referred to by name.
    pub store: Option<Store>,
    /// What a person changes to have the pods started anew after a secret changed.
    pub revision: Option<String>,
}

/// A store of the External Secrets operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// Its name.
    pub name: String,
    /// `ClusterSecretStore` or `SecretStore`.
    pub kind: String,
    /// The entry in it.
    pub key: String,
}

/// What a login is resolved from.
pub struct Around<'a> {
    /// The gateway's document.
    pub read: &'a Read<Spec>,
    /// The others.
    pub documents: &'a Documents,
    /// The cluster.
    pub platform: &'a Platform,
    /// How people log in, if that is known.
    pub mode: Option<AuthMode>,
    /// The people.
    pub groups: Option<&'a Groups>,
    /// The gateway's host.
    pub host: &'a str,
}

/// The OIDC client as the documents have it, whichever of them does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Client {
    issuer: Option<String>,
    id: Option<String>,
    secret: Option<String>,
    key: Option<String>,
}

/// The login service, with what is wrong about it.
///
/// # Errors
/// A client that is written down twice and differently; an issuer, a duration, a name that is none; what the cluster's
/// `Authentication` contradicts.
pub fn resolve(around: &Around<'_>, findings: &mut Vec<Finding>) -> Login {
    let config = gateway::config_of(&around.read.spec);
    let cookie = config.and_then(|spec| spec.cookie.clone()).unwrap_or_default();
    let (expire, refresh) = cookie_times(&cookie, findings);
    let verify_provider = config.and_then(|spec| spec.verify_provider_certificate) != Some(false);
    if !verify_provider {
        let message = "the issuer's certificate is not verified: whoever can answer for its address can log in as anybody";
        let finding = Finding::warning(message).at("spec.verifyProviderCertificate");
        findings.push(finding.found(false).propose(true));
    }
    let (provider, missing) = provider(around, findings);
    let provider_ca = config
        .and_then(|spec| spec.provider_ca_secret_name.clone())
        .filter(|name| !name.is_empty());
    authority(around, provider_ca.as_ref(), findings);
    let prefix = first_provider(around).map_or("", |provider| provider.group_prefix.as_str());
    if around.groups.is_none() && around.mode.is_some_and(|mode| mode != AuthMode::None) {
        let message = "no Auth is in the input: everybody who can log in passes the gateway, and nobody administers the platform";
        findings.push(Finding::info(message).at("spec"));
    }
    Login {
        provider,
        missing,
        image: around.platform.facts.login_image.clone(),
        expire,
        refresh,
        timeout: timeout(around, findings),
        tls: gateway::profile(around.documents),
        token_review: config.and_then(|spec| spec.enable_k8s_token_validation) != Some(false),
        verify_provider,
        provider_ca,
        allowed_groups: around.groups.and_then(|of| groups::let_in(of, prefix)),
        groups_claim: first_provider(around)
            .map(|provider| provider.groups_claim.clone())
            .filter(|claim| !claim.is_empty()),
        max_replicas: max_replicas(config.and_then(|spec| spec.auth_proxy_max_replicas), findings),
        secrets: around.platform.facts.secrets.clone(),
    }
}

/// The Secrets in the gateway's namespace that are referred to, by name, with their keys.
pub fn secrets(gateway: &gateway::Gateway) -> BTreeMap<String, Vec<String>> {
    let mut secrets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, keys: &[&str]| {
        let known = secrets.entry(name.to_owned()).or_default();
        known.extend(keys.iter().map(|key| (*key).to_owned()));
    };
    let login = &gateway.login;
    match &login.provider {
        _ if gateway.beside_operator => add(CREDENTIALS, &KEYS),
        Some(Provider::OpenShift) => add(CREDENTIALS, &KEYS[1..]),
        Some(Provider::Oidc { secret, key, .. }) => {
            add(secret, &[key]);
            add(CREDENTIALS, &KEYS[2..]);
        }
        None => {}
    }
    if login.provider.is_some()
        && let Some(authority) = &login.provider_ca
    {
        add(authority, &["ca.crt"]);
    }
    add(TLS_SECRET, &["tls.crt", "tls.key"]);
    add(&gateway.certificate.secret, &["tls.crt", "tls.key"]);
    secrets
}

/// Whether a Secret is one that a store is asked for: the client's, and that of the cookies.
pub fn is_fetched(gateway: &gateway::Gateway, name: &str) -> bool {
    let of_client = matches!(&gateway.login.provider, Some(Provider::Oidc { secret, .. }) if secret == name);
    of_client || name == CREDENTIALS
}

fn first_provider<'a>(around: &Around<'a>) -> Option<&'a crate::input::cluster::OidcProvider> {
    let copy = around.documents.authentication.as_ref()?;
    copy.spec
        .providers
        .first()
        .filter(|_| around.mode == Some(AuthMode::Oidc))
}

/// Who authenticates people, and which fields are missing for that.
fn provider(around: &Around<'_>, findings: &mut Vec<Finding>) -> (Option<Provider>, Vec<&'static str>) {
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
        && (id.trim() != id || id.contains(char::is_control))
    {
        let finding = Finding::error("has blanks or control characters around it").found(id.clone());
        findings.push(fields.place(finding.propose(id.trim()), fields.id));
    }
    if let Some(name) = secret.as_ref().filter(|name| !is_dns_name(name)) {
        let message = "is no name of a Secret: lower-case letters, digits, dashes and dots";
        findings.push(fields.place(Finding::error(message).found(name.clone()), fields.secret));
    }
    let key = given(&client.key).unwrap_or_else(|| CLIENT_SECRET_KEY.to_owned());
    if !super::names::is_secret_key(&key) {
        let message = "is no key of a Secret: letters, digits, dashes, dots and underscores";
        findings.push(fields.place(Finding::error(message).found(key.clone()), fields.key));
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
        let platform = around.platform;
        let fence = "nothing is exposed until they are there (state AwaitingOIDCConfiguration)";
        let message = format!(
            "people log in by OIDC, and the OIDC configuration lacks {}: {}",
            missing.join(", "),
            if platform.facts.on_missing_oidc == crate::input::platform::OnMissingOidc::Fail {
                "set it, or onMissingOidc: fence in the Platform to have everything but what exposes"
            } else {
                fence
            }
        );
        let severity = match platform.facts.on_missing_oidc {
            crate::input::platform::OnMissingOidc::Fail => Severity::Error,
            crate::input::platform::OnMissingOidc::Fence => Severity::Warning,
        };
        let finding = Finding {
            severity,
            ..Finding::error(message)
        };
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

/// Where the fields of a client stand in the document that has it.
#[derive(Clone, Copy)]
struct Fields<'a> {
    issuer: &'static str,
    id: &'static str,
    secret: &'static str,
    key: &'static str,
    document: Option<&'a crate::krm::object_id::ObjectId>,
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
    } else {
        return;
    };
    let mut finding = Finding::error(message).found(issuer);
    if let Some(rest) = issuer.strip_prefix("http://") {
        finding = finding.propose(format!("https://{rest}"));
    }
    findings.push(fields.place(finding, fields.issuer));
}

/// The port of a URL's authority; 443 where it has none.
fn port_of(authority: &str) -> Option<u16> {
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, rest)| rest);
    match after_address.rsplit_once(':') {
        None => Some(443),
        Some((_, port)) => port.parse().ok().filter(|port| *port > 0),
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
fn authority(around: &Around<'_>, given: Option<&String>, findings: &mut Vec<Finding>) {
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

fn cookie_times(cookie: &Cookie, findings: &mut Vec<Finding>) -> (Duration, Duration) {
    let expire = duration(cookie.expire.as_ref(), "spec.cookie.expire", EXPIRE, findings);
    let refresh = duration(cookie.refresh.as_ref(), "spec.cookie.refresh", REFRESH, findings);
    if refresh >= expire {
        let message = format!(
            "a session is to be refreshed after {} and ends after {}: the login service does not start unless the first is shorter",
            refresh.to_go(),
            expire.to_go()
        );
        findings.push(
            Finding::error(message)
                .at("spec.cookie.refresh")
                .found(refresh.to_go()),
        );
    }
    (expire, refresh)
}

/// A duration; nothing and zero are the default.
pub(super) fn duration(
    given: Option<&String>,
    path: &str,
    default: Duration,
    findings: &mut Vec<Finding>,
) -> Duration {
    let Some(text) = given.filter(|text| !text.is_empty()) else {
        return default;
    };
    match Duration::parse(text) {
        Some(duration) if duration.is_zero() => default,
        Some(duration) => duration,
        None => {
            let message = "must be a duration in hours, minutes, seconds or milliseconds, for example 1h30m";
            findings.push(Finding::error(message).at(path).found(text.clone()));
            default
        }
    }
}

fn timeout(around: &Around<'_>, findings: &mut Vec<Finding>) -> Duration {
    let Some(config) = gateway::config_of(&around.read.spec) else {
        return TIMEOUT;
    };
    let older = config.auth_timeout.as_ref().filter(|text| !text.is_empty());
    let newer = config.auth_proxy_timeout.as_ref().filter(|text| !text.is_empty());
    let zero = Duration::seconds(0);
    let older_time = duration(older, "spec.authTimeout", zero, findings);
    let newer_time = duration(newer, "spec.authProxyTimeout", TIMEOUT, findings);
    if older_time.is_zero() {
        return newer_time;
    }
    if newer.is_some() && older_time != newer_time {
        let message = "the older name goes first, so authProxyTimeout has no effect; remove this one";
        findings.push(
            Finding::warning(message)
                .at("spec.authTimeout")
                .found(older.cloned().unwrap_or_default()),
        );
    }
    older_time
}

fn max_replicas(given: Option<u32>, findings: &mut Vec<Finding>) -> u32 {
    let max = given.unwrap_or(MAX_REPLICAS);
    if !(MIN_REPLICAS..=MAX_REPLICAS).contains(&max) {
        let message = "must be from 2 to 10: one pod alone is gone with its node, and nobody gets in";
        findings.push(Finding::error(message).at("spec.authProxyMaxReplicas").found(max));
    }
    max
}
