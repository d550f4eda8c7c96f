//! What the flags mean: kube-rbac-proxy's, the union of the four programs of that name, and our own.
//!
//! Plain values, checked one by one where they were typed; what must fit together is checked in `check`. Defaults are here
//! and nowhere else. Source: brancz/kube-rbac-proxy `cmd/kube-rbac-proxy/app/options/options.go` (v0.21.0) and Open Data Hub's
//! fork of it.

pub mod go;
pub mod tls_version;
pub mod url;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that the program is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `--secure-listen-address`: where TLS is served. At least one of the two addresses is there.
    pub secure_listen_address: Option<String>,
    /// `--insecure-listen-address`: where HTTP/1.1 and h2c are served in clear text.
    pub insecure_listen_address: Option<String>,
    /// `--upstream`.
    pub upstream: Upstream,
    /// `--config-file`.
    pub config_file: Option<PathBuf>,
    /// `--strict-config`: unknown keys of the file are errors (ours; on by default).
    pub strict_config: bool,
    /// `--allow-paths`, as typed.
    pub allow_paths: Vec<String>,
    /// `--ignore-paths`, as typed.
    pub ignore_paths: Vec<String>,
    /// `--proxy-endpoints-port`.
    pub proxy_endpoints_port: Option<u16>,
    /// How TLS is served.
    pub tls: Tls,
    /// Who callers can be.
    pub authentication: Authentication,
    /// What the upstream is told of them.
    pub identity_headers: IdentityHeaders,
    /// How the API server is reached.
    pub api: Api,
    /// `--http2-disable`, and its limits.
    pub http2: Http2,
    /// Where the answers of the stock programs are kept although ours are better.
    pub compatibility: Compatibility,
    /// Bounds of everything that grows with requests.
    pub limits: Limits,
    /// `-v`: 0 says what goes wrong and who was let in, more says more. Never a token.
    pub verbosity: u8,
}

/// What is guarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Whether it is asked by TLS.
    pub tls: bool,
    /// Host and port, as in a URL.
    pub authority: String,
    /// The path in front of every request's, without a slash at its end; empty for none.
    pub path_prefix: String,
    /// `--upstream-force-h2c`: HTTP/2 in clear text, by prior knowledge.
    pub force_h2c: bool,
    /// `--upstream-ca-file`.
    pub ca_file: Option<PathBuf>,
    /// `--upstream-client-cert-file` and `--upstream-client-key-file`.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
    /// `--upstream-timeout`: until an answer's head is there; none for ever. Never cuts a body or an upgraded connection.
    pub timeout: Option<Duration>,
}

/// How TLS is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `--tls-cert-file` and `--tls-private-key-file`. None: a certificate of its own for the host's name.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// `--tls-min-version`: whether TLS 1.2 is spoken. Older versions never are.
    pub version_12: bool,
    /// `--tls-cipher-suites`, as Go names them; none for all that the library has.
    pub cipher_suites: Vec<String>,
    /// `--tls-reload-interval`.
    pub reload_interval: Duration,
    /// `--client-ca-file`.
    pub client_ca_file: Option<PathBuf>,
}

/// Who callers can be. In this order: a client certificate, an ID token that is verified here, a TokenReview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authentication {
    /// `--auth-token-audiences`.
    pub token_audiences: Vec<String>,
    /// `--oidc-*`; where it is there, the stock programs ask for no TokenReview and take no client certificate.
    pub oidc: Option<Oidc>,
    /// `--oidc-and-token-review` (ours): tokens of other issuers are reviewed.
    pub oidc_and_token_review: bool,
}

/// An issuer of ID tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oidc {
    /// `--oidc-issuer`.
    pub issuer: String,
    /// `--oidc-clientID`: the audience of its tokens.
    pub client_id: String,
    /// `--oidc-username-claim`.
    pub username_claim: String,
    /// `--oidc-groups-claim`.
    pub groups_claim: String,
    /// `--oidc-username-prefix`.
    pub username_prefix: String,
    /// `--oidc-groups-prefix`.
    pub groups_prefix: String,
    /// `--oidc-sign-alg`.
    pub algorithms: Vec<String>,
    /// `--oidc-ca-file`.
    pub ca_file: Option<PathBuf>,
}

/// What the upstream is told of who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityHeaders {
    /// `--auth-header-fields-enabled`. Where it is off the names are taken off requests all the same.
    pub enabled: bool,
    /// `--auth-header-user-field-name`.
    pub user: String,
    /// `--auth-header-groups-field-name`.
    pub groups: String,
    /// `--auth-header-groups-field-separator`.
    pub separator: String,
}

/// How the API server is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Api {
    /// `--kubeconfig`; none for the cluster that the program runs in.
    pub kubeconfig: Option<PathBuf>,
    /// `--kube-api-qps`: questions a second for those who are not known yet; 0 for the default.
    pub qps: u32,
    /// `--kube-api-burst`; 0 for the default.
    pub burst: u32,
}

/// HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Http2 {
    /// `--http2-disable`.
    pub disabled: bool,
    /// `--http2-max-concurrent-streams`.
    pub max_concurrent_streams: u32,
    /// `--http2-max-size`: a stream's window and the largest frame, bytes.
    pub max_size: u32,
}

/// Where the answers of the stock programs are kept although ours are better: `--compatibility` (ours).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// Ours.
    #[default]
    None,
    /// brancz/kube-rbac-proxy: an API server that is away gives 401 and 500, a configured verb is ignored.
    KubeRbacProxy,
    /// Open Data Hub's fork: the same, and a configured verb is honoured.
    OdhKubeRbacProxy,
}

/// Bounds of everything that grows with requests. `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A request's target, bytes.
    pub target_bytes: usize,
    /// All of a request's head, bytes (HTTP/1.1).
    pub head_bytes: usize,
    /// Its headers, in number.
    pub headers: usize,
    /// All of a request's headers, bytes (HTTP/2).
    pub http2_header_list_bytes: u32,
    /// A token, bytes.
    pub token_bytes: usize,
    /// Until a request's head is complete.
    pub head_timeout: Duration,
    /// Without a byte of a request's body. Answers may be silent for as long as the upstream likes.
    pub body_idle_timeout: Duration,
    /// Until a TLS handshake is done.
    pub handshake_timeout: Duration,
    /// Between requests of one connection.
    pub keep_alive_timeout: Duration,
    /// From SIGTERM to the end, upgraded connections included.
    pub drain_timeout: Duration,
    /// Users that are remembered by their token, in number.
    pub token_entries: u64,
    /// The same, bytes.
    pub token_cache_bytes: u64,
    /// Answers that are remembered, in number.
    pub decision_entries: u64,
    /// The same, bytes.
    pub decision_cache_bytes: u64,
    /// How long a user is remembered by a token.
    pub token_ttl: Duration,
    /// How long a token is remembered that is nobody's.
    pub refused_token_ttl: Duration,
    /// How long a yes is remembered.
    pub allowed_ttl: Duration,
    /// How long a no is remembered.
    pub denied_ttl: Duration,
    /// How long past its end a remembered answer is taken where the API server is away: `--stale-if-error` (ours; off).
    pub stale_if_error: Duration,
    /// Connections at a time.
    pub connections: usize,
}

// === impl Options ===

impl Options {
    /// The addresses to listen at, as typed: TLS first.
    pub fn listen_addresses(&self) -> impl Iterator<Item = (&str, bool)> {
        let secure = self
            .secure_listen_address
            .iter()
            .map(|address| (address.as_str(), true));
        let clear = self
            .insecure_listen_address
            .iter()
            .map(|address| (address.as_str(), false));
        secure.chain(clear)
    }
}

/// An address as Go's `net.Listen` reads it: `:8443` is every interface, a name is not resolved here.
pub fn socket_address(typed: &str) -> Option<SocketAddr> {
    match typed.strip_prefix(':') {
        Some(port) => Some(SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 0], port.parse().ok()?))),
        None => typed.parse().ok(),
    }
}

impl Default for Tls {
    fn default() -> Self {
        Self {
            certificate: None,
            version_12: true,
            cipher_suites: Vec::new(),
            reload_interval: Duration::from_mins(1),
            client_ca_file: None,
        }
    }
}

impl Default for IdentityHeaders {
    fn default() -> Self {
        Self {
            enabled: false,
            user: "x-remote-user".into(),
            groups: "x-remote-groups".into(),
            separator: "|".into(),
        }
    }
}

impl Default for Http2 {
    fn default() -> Self {
        Self {
            disabled: false,
            max_concurrent_streams: 100,
            max_size: 256 * 1024,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes: 64 * 1024 - 2,
            head_bytes: 1024 * 1024,
            headers: 1100,
            http2_header_list_bytes: 1024 * 1024,
            token_bytes: 16 * 1024,
            head_timeout: Duration::from_secs(10),
            body_idle_timeout: Duration::from_mins(5),
            handshake_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_mins(5),
            drain_timeout: Duration::from_secs(30),
            token_entries: 4096,
            token_cache_bytes: 4 * 1024 * 1024,
            decision_entries: 8192,
            decision_cache_bytes: 8 * 1024 * 1024,
            token_ttl: Duration::from_mins(2),
            refused_token_ttl: Duration::from_secs(2),
            allowed_ttl: Duration::from_mins(5),
            denied_ttl: Duration::from_secs(30),
            stale_if_error: Duration::ZERO,
            connections: 10_000,
        }
    }
}
