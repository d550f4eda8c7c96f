//! The login service: its client, its session cookie, its limits.

mod client;

use std::collections::BTreeMap;

pub use client::{incomplete, issuer_port, missing_of_auth};

use super::claims::Claims;
use super::duration::Duration;
use super::gateway::{self, Documents, Groups, Read, Spec};
use super::groups;
use super::platform::Platform;
use super::tls_profile::TlsProfile;
use crate::input::gateway::{Cookie, TokenReviewSpec};
use crate::input::platform::AuthMode;
use crate::krm::results::Finding;

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
/// Names that no certificate of somebody else's may have, nor its Secret.
pub const RESERVED: [&str; 3] = [NAME, TLS_SECRET, CREDENTIALS];
/// The session cookie.
pub const COOKIE: &str = "_oauth2_proxy";
/// The fewest pods.
pub const MIN_REPLICAS: u32 = 2;
/// The most pods, where nothing is said.
const MAX_REPLICAS: u32 = 10;

const EXPIRE: Duration = Duration::seconds(24 * 60 * 60);
/// Of a token of OpenShift's OAuth server, which lives for a day.
const REFRESH: Duration = Duration::seconds(60 * 60);
/// A session hands on its token, ended or not, until it is refreshed; and there are issuers whose tokens live five minutes
/// unless somebody has set it (Keycloak, `accessTokenLifespan`).
const REFRESH_OIDC: Duration = Duration::seconds(4 * 60);
const SHORT_LIFE: Duration = Duration::seconds(5 * 60);
const TIMEOUT: Duration = Duration::seconds(5);
const SHORTEST_TIMEOUT: Duration = Duration::milliseconds(100);
const LONGEST_TIMEOUT: Duration = Duration::seconds(10 * 60);

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
    /// How it asks the API server who a token belongs to, where that is said.
    pub review_limits: ReviewLimits,
    /// Where its secrets come from.
    pub secrets: Secrets,
}

/// How fast TokenReviews are made, and for what. What is not said is the login service's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReviewLimits {
    /// In a second.
    pub qps: Option<u32>,
    /// At once.
    pub burst: Option<u32>,
    /// How long an answer is kept.
    pub cache: Option<Duration>,
    /// What a token must be for: one of these. Without any, the API server.
    pub audiences: Vec<String>,
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
    /// What the API server makes of the groups in a token.
    pub claims: &'a Claims,
    /// The people.
    pub groups: Option<&'a Groups>,
    /// The gateway's host.
    pub host: &'a str,
}

/// The login service, with what is wrong about it.
///
/// # Errors
/// A client that is written down twice and differently; an issuer, a duration, a name that is none; what the cluster's
/// `Authentication` contradicts.
pub fn resolve(around: &Around<'_>, findings: &mut Vec<Finding>) -> Login {
    let config = gateway::config_of(&around.read.spec);
    let cookie = config.and_then(|spec| spec.cookie.clone()).unwrap_or_default();
    let (expire, refresh) = cookie_times(&cookie, around.mode, findings);
    let verify_provider = config.and_then(|spec| spec.verify_provider_certificate) != Some(false);
    if !verify_provider {
        let message = "the issuer's certificate is not verified: whoever can answer for its address can log in as anybody";
        let finding = Finding::warning(message).at("spec.verifyProviderCertificate");
        findings.push(finding.found(false).propose(true));
    }
    let (provider, missing) = client::provider(around, findings);
    let provider_ca = config
        .and_then(|spec| spec.provider_ca_secret_name.clone())
        .filter(|name| !name.is_empty());
    client::authority(around, provider_ca.as_ref(), findings);
    if around.groups.is_none() && around.mode.is_some_and(|mode| mode != AuthMode::None) {
        let message = "no Auth is in the input: everybody who can log in passes the gateway, and nobody administers the platform";
        findings.push(Finding::info(message).at("spec"));
    }
    let auth = around.documents.auth.as_ref();
    findings.extend(auth.and_then(|read| {
        let flavor = around.platform.flavor;
        around.claims.likely_prefix(read, around.mode, flavor)
    }));
    let token_review = config.and_then(|spec| spec.enable_k8s_token_validation) != Some(false);
    if !token_review && around.mode != Some(AuthMode::None) {
        findings.push(no_token_is_answered());
    }
    Login {
        provider,
        missing,
        image: around.platform.facts.login_image.clone(),
        expire,
        refresh,
        timeout: timeout(around, findings),
        tls: gateway::profile(around.documents),
        token_review,
        verify_provider,
        provider_ca,
        allowed_groups: around
            .groups
            .and_then(|of| groups::let_in(of, around.claims.prefix())),
        groups_claim: around.claims.claim.clone(),
        max_replicas: max_replicas(config.and_then(|spec| spec.auth_proxy_max_replicas), findings),
        review_limits: ReviewLimits {
            audiences: audiences(around.platform, token_review, findings),
            ..review_limits(config.and_then(|spec| spec.token_review.as_ref()), findings)
        },
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

fn cookie_times(
    cookie: &Cookie,
    mode: Option<AuthMode>,
    findings: &mut Vec<Finding>,
) -> (Duration, Duration) {
    let oidc = mode == Some(AuthMode::Oidc);
    let default = if oidc { REFRESH_OIDC } else { REFRESH };
    let expire = duration(cookie.expire.as_ref(), "spec.cookie.expire", EXPIRE, findings);
    let refresh = duration(cookie.refresh.as_ref(), "spec.cookie.refresh", default, findings);
    if oidc && refresh > SHORT_LIFE {
        let message = "a session hands on its token until it is refreshed, even if the token has ended by then: this must be less than \
                       the issuer's tokens live, which is five minutes for some";
        let finding = Finding::info(message).at("spec.cookie.refresh");
        findings.push(finding.found(refresh.to_go()));
    }
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
    for (given, time, path) in [
        (older, older_time, "spec.authTimeout"),
        (newer, newer_time, "spec.authProxyTimeout"),
    ] {
        let sound = time.is_zero() || (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(&time);
        if let Some(text) = given.filter(|_| !sound) {
            let message = "must be from 100ms to 10m: in less the login service answers nobody, and gateways refuse very long ones";
            findings.push(Finding::error(message).at(path).found(text.clone()));
        }
    }
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

/// Limits and flags: opendatahub-operator pull request 3932.
fn review_limits(given: Option<&TokenReviewSpec>, findings: &mut Vec<Finding>) -> ReviewLimits {
    let Some(given) = given else {
        return ReviewLimits::default();
    };
    let path = "spec.tokenReview";
    for (field, number) in [("qps", given.qps), ("burst", given.burst)] {
        if number == Some(0) {
            let finding = Finding::error("must be 1 at least").at(format!("{path}.{field}"));
            findings.push(finding.found(0));
        }
    }
    if let (Some(qps), Some(burst)) = (given.qps, given.burst)
        && burst < qps
    {
        let message = "is less than qps, which is then never reached";
        let finding = Finding::warning(message).at(format!("{path}.burst"));
        findings.push(finding.found(burst).propose(qps));
    }
    let message = "needs a login service that knows the flags --kube-api-qps, --kube-api-burst and --kube-api-cache-ttl: an \
                   older one does not start with them";
    findings.push(Finding::info(message).at(path));
    let zero = Duration::seconds(0);
    let cache = duration(
        given.cache_ttl.as_ref(),
        "spec.tokenReview.cacheTTL",
        zero,
        findings,
    );
    ReviewLimits {
        qps: given.qps,
        burst: given.burst,
        cache: (!cache.is_zero()).then_some(cache),
        audiences: Vec::new(),
    }
}

/// That nobody with a bearer token is answered: kube-auth-proxy at commit 7608aa7d, measured.
fn no_token_is_answered() -> Finding {
    let message = "as of its commit 7608aa7d kube-auth-proxy then ends the connection of every request with a bearer token, the \
                   issuer's own included, and the gateway answers 503. To refuse Kubernetes tokens, name groups in an Auth \
                   (allowedGroups), or audiences in the Platform (login.tokenAudiences)";
    Finding::warning(message)
        .at("spec.enableK8sTokenValidation")
        .found(false)
        .propose(true)
}

/// What Kubernetes tokens must be for, where any are asked about.
fn audiences(platform: &Platform, token_review: bool, findings: &mut Vec<Finding>) -> Vec<String> {
    let given = &platform.facts.token_audiences;
    if token_review || given.is_empty() {
        return given.clone();
    }
    let message =
        "has no effect: the GatewayConfig says enableK8sTokenValidation: false, so no token is asked about";
    let finding = Finding::warning(message).at("spec.login.tokenAudiences");
    findings.push(finding.about(&platform.id()));
    Vec::new()
}

fn max_replicas(given: Option<u32>, findings: &mut Vec<Finding>) -> u32 {
    let max = given.unwrap_or(MAX_REPLICAS);
    if !(MIN_REPLICAS..=MAX_REPLICAS).contains(&max) {
        let message = "must be from 2 to 10: one pod alone is gone with its node, and nobody gets in";
        findings.push(Finding::error(message).at("spec.authProxyMaxReplicas").found(max));
    }
    max
}
