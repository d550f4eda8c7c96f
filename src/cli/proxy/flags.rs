//! The flags of `gatewright proxy`, and what `--help` says of them.
//!
//! Names, values and defaults are those of the four programs that are called kube-rbac-proxy (brancz/kube-rbac-proxy
//! `cmd/kube-rbac-proxy/app/options/options.go`, openshift/kube-rbac-proxy, and the two trees of Open Data Hub); those under
//! "Ours" are ours.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::proxy::options::go::{self, Span};
use crate::proxy::options::{Compatibility, Http2, IdentityHeaders, Limits, Tls};

/// The command `proxy`.
#[derive(Debug, Args)]
#[command(version, args_override_self = true, args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct ProxyArgs {
    #[command(flatten)]
    pub(super) flags: Flags,
    #[command(subcommand)]
    pub(super) command: Option<ProxyCommand>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ProxyCommand {
    /// Say what a request would meet, and ask nobody
    #[command(long_about = EXPLAIN)]
    Explain(ExplainArgs),
}

const EXPLAIN: &str = "Say what a request would meet: which rule of the configuration file applies, which reviews the API server would \
be asked, or which refusal it would get. Nobody is asked and no port is opened.

Takes the same flags as the proxy: copy them from the container's arguments.

Examples:
  gatewright proxy explain --config-file=config-file.yaml GET /notebook/team-a/lab/api/kernels
  gatewright proxy explain --config-file=tenants.yaml POST '/api/v1/jobs?namespace=team-a' -H 'X-Tenant: team-a' --user dana
  gatewright proxy explain --config-file=config-file.yaml GET /metrics -o json";

/// `explain`.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(super) struct ExplainArgs {
    /// The request's method
    #[arg(value_name = "METHOD")]
    pub(super) method: String,
    /// The request's target: path and query, as the client sends it
    #[arg(value_name = "PATH")]
    pub(super) path: String,
    /// A header of the request; may be given more than once
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(super) headers: Vec<String>,
    /// Who asks
    #[arg(long, value_name = "NAME")]
    pub(super) user: Option<String>,
    /// A group of whoever asks; may be given more than once
    #[arg(long = "group", value_name = "GROUP")]
    pub(super) groups: Vec<String>,
    /// How to say it
    #[arg(short, long, value_enum, default_value_t = ExplainFormat::Text)]
    pub(super) output: ExplainFormat,
    #[command(flatten)]
    pub(super) flags: Flags,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExplainFormat {
    /// For people, with lines for kubectl
    Text,
    /// For programs
    Json,
}

/// All flags, in groups as `--help` shows them.
#[derive(Debug, Args)]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) listen: ListenFlags,
    #[command(flatten)]
    pub(super) upstream: UpstreamFlags,
    #[command(flatten)]
    pub(super) rights: RightsFlags,
    #[command(flatten)]
    pub(super) tls: TlsFlags,
    #[command(flatten)]
    pub(super) callers: CallerFlags,
    #[command(flatten)]
    pub(super) identity: IdentityFlags,
    #[command(flatten)]
    pub(super) api: ApiFlags,
    #[command(flatten)]
    pub(super) http2: Http2Flags,
    #[command(flatten)]
    pub(super) log: LogFlags,
    #[command(flatten)]
    pub(super) ours: OurFlags,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Listen")]
pub(super) struct ListenFlags {
    /// Serve TLS here: 0.0.0.0:8443, or :8443 for every interface. One of the two addresses is needed
    #[arg(long, value_name = "HOST:PORT", default_value = "", hide_default_value = true)]
    pub(super) secure_listen_address: String,
    /// Serve clear text here, HTTP/1.1 and h2c: tokens can be read on the way, so 127.0.0.1:PORT alone makes sense
    #[arg(long, value_name = "HOST:PORT", default_value = "", hide_default_value = true)]
    pub(super) insecure_listen_address: String,
    /// Serve /healthz (and /readyz, /metrics) by TLS on this port of the secure address's host; 0 for nowhere
    #[arg(long, value_name = "PORT", value_parser = go::port, default_value = "0", hide_default_value = true)]
    pub(super) proxy_endpoints_port: u16,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Upstream")]
pub(super) struct UpstreamFlags {
    /// What is guarded, as `http://127.0.0.1:8888/`. Needed. A path in it is put in front of every request's
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) upstream: String,
    /// Speak HTTP/2 in clear text to it, as gRPC servers without TLS need
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub(super) upstream_force_h2c: bool,
    /// Whom to trust for its certificate: a file of PEM certificates. Without it, those of the system
    #[arg(long, value_name = "FILE")]
    pub(super) upstream_ca_file: Option<PathBuf>,
    /// Our certificate for it, with --upstream-client-key-file
    #[arg(long, value_name = "FILE")]
    pub(super) upstream_client_cert_file: Option<PathBuf>,
    /// The key of --upstream-client-cert-file
    #[arg(long, value_name = "FILE")]
    pub(super) upstream_client_key_file: Option<PathBuf>,
    /// Wait this long for an answer's head; 0 for ever. Never cuts a body or an upgraded connection [default: 0s; 30s with
    /// --compatibility=odh-kube-rbac-proxy]
    #[arg(long, value_name = "DURATION", value_parser = go::span)]
    pub(super) upstream_timeout: Option<Span>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Paths and rights")]
pub(super) struct RightsFlags {
    /// What a request must be allowed to do. Without it, the request's own verb and path
    #[arg(long, value_name = "FILE")]
    pub(super) config_file: Option<PathBuf>,
    /// Serve these paths alone (404 for others): /metrics,/api/*/values. `*` stays between two slashes
    #[arg(long, value_name = "GLOB,…")]
    pub(super) allow_paths: Vec<String>,
    /// Let requests for these paths through without asking who sends them. Not together with --allow-paths
    #[arg(long, value_name = "GLOB,…")]
    pub(super) ignore_paths: Vec<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
#[expect(clippy::struct_field_names, reason = "fields are called as the flags are")]
pub(super) struct TlsFlags {
    /// The certificate, and behind it those that lead to its authority; PEM. Read again when it changes. Without it, one of our own
    #[arg(long, value_name = "FILE")]
    pub(super) tls_cert_file: Option<PathBuf>,
    /// The key of --tls-cert-file
    #[arg(long, value_name = "FILE")]
    pub(super) tls_private_key_file: Option<PathBuf>,
    /// The oldest version: `VersionTLS12` or `VersionTLS13`, also `TLS1.2` and `TLS1.3`. Older ones are not spoken
    #[arg(long, value_name = "VERSION", default_value = "VersionTLS12")]
    pub(super) tls_min_version: String,
    /// Suites of TLS 1.2, by Go's names. Without it, all with forward secrecy and authenticated encryption
    #[arg(long, value_name = "NAME,…")]
    pub(super) tls_cipher_suites: Vec<String>,
    /// How often certificates are looked at
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Tls::default().reload_interval))]
    pub(super) tls_reload_interval: Span,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Who calls")]
pub(super) struct CallerFlags {
    /// Client certificates of these authorities name a user (CN) and groups (O); PEM
    #[arg(long, value_name = "FILE")]
    pub(super) client_ca_file: Option<PathBuf>,
    /// Take tokens for one of these audiences alone. Without it, for the API server's own
    #[arg(long, value_name = "NAME,…")]
    pub(super) auth_token_audiences: Vec<String>,
    /// Verify ID tokens of this issuer here, by https, in place of asking the API server
    #[arg(long, value_name = "URL", default_value = "", hide_default_value = true)]
    pub(super) oidc_issuer: String,
    /// The audience of its tokens
    #[arg(
        long = "oidc-clientID",
        value_name = "ID",
        default_value = "",
        hide_default_value = true
    )]
    pub(super) oidc_client_id: String,
    /// The claim with the user's name
    #[arg(long, value_name = "CLAIM", default_value = "email")]
    pub(super) oidc_username_claim: String,
    /// The claim with the user's groups
    #[arg(long, value_name = "CLAIM", default_value = "groups")]
    pub(super) oidc_groups_claim: String,
    /// Put in front of each user's name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) oidc_username_prefix: String,
    /// Put in front of each group's name
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) oidc_groups_prefix: String,
    /// Algorithms of its signatures; may be given more than once
    #[arg(long, value_name = "ALG", default_value = "RS256")]
    pub(super) oidc_sign_alg: Vec<String>,
    /// Whom to trust for the issuer's certificate. Without it, those of the system
    #[arg(long, value_name = "FILE")]
    pub(super) oidc_ca_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Identity headers")]
#[expect(clippy::struct_field_names, reason = "fields are called as the flags are")]
pub(super) struct IdentityFlags {
    /// Tell the upstream who calls. Off or on, the names below are taken off what clients send
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub(super) auth_header_fields_enabled: bool,
    /// The header with the user's name
    #[arg(long, value_name = "NAME", default_value_t = IdentityHeaders::default().user)]
    pub(super) auth_header_user_field_name: String,
    /// The header with the user's groups
    #[arg(long, value_name = "NAME", default_value_t = IdentityHeaders::default().groups)]
    pub(super) auth_header_groups_field_name: String,
    /// What stands between two groups
    #[arg(long, value_name = "TEXT", default_value_t = IdentityHeaders::default().separator)]
    pub(super) auth_header_groups_field_separator: String,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "API server")]
pub(super) struct ApiFlags {
    /// How to reach the API server. Without it, as a pod of the cluster
    #[arg(long, value_name = "FILE")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Questions a second on behalf of callers who are not known yet; 0 for the default
    #[arg(long, value_name = "NUMBER", value_parser = go::number, default_value = "0", allow_hyphen_values = true)]
    pub(super) kube_api_qps: f64,
    /// How many of them may come at once; 0 for the default
    #[arg(long, value_name = "NUMBER", value_parser = go::unsigned, default_value = "0")]
    pub(super) kube_api_burst: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "HTTP/2")]
#[expect(clippy::struct_field_names, reason = "fields are called as the flags are")]
pub(super) struct Http2Flags {
    /// Speak HTTP/1.1 alone
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub(super) http2_disable: bool,
    /// Requests at a time on one connection
    #[arg(long, value_name = "NUMBER", value_parser = go::unsigned, default_value_t = Http2::default().max_concurrent_streams)]
    pub(super) http2_max_concurrent_streams: u32,
    /// The largest frame, and what is held of one request, bytes
    #[arg(long, value_name = "BYTES", value_parser = go::unsigned, default_value_t = Http2::default().max_size)]
    pub(super) http2_max_size: u32,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub(super) struct LogFlags {
    /// How much is said: -v=1, --v=2. Never a token
    #[arg(short = 'v', long = "v", value_name = "LEVEL", value_parser = go::level, default_value = "0")]
    pub(super) verbosity: u8,
    /// Accepted, as other old logging flags are; has no effect
    #[arg(long, value_name = "PATTERN=LEVEL,…")]
    pub(super) vmodule: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Ours")]
pub(super) struct OurFlags {
    /// Keep the answers of a stock program where ours are better
    #[arg(long, value_enum, default_value_t = CompatibilityKind::None)]
    pub(super) compatibility: CompatibilityKind,
    /// Read everything, say what was found, print `ok` and exit with 0, or say what is wrong and exit with 1. Opens no port
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub(super) check_config: bool,
    /// Unknown keys of --config-file are errors; false ignores them
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "true")]
    pub(super) strict_config: bool,
    /// With --oidc-issuer: ask the API server about tokens of other issuers, and take client certificates
    #[arg(long, value_name = "BOOL", value_parser = go::boolean, action = clap::ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true)]
    pub(super) oidc_and_token_review: bool,
    /// Where the API server is away, take remembered answers this long past their end; 0 for not
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().stale_if_error))]
    pub(super) stale_if_error: Span,
    /// From SIGTERM to the end: running requests and upgraded connections are given this long
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().drain_timeout))]
    pub(super) drain_timeout: Span,
    /// Connections at a time
    #[arg(long, value_name = "NUMBER", value_parser = go::unsigned, default_value_t = connections())]
    pub(super) max_connections: u32,
    /// Until a request's head is complete (408)
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().head_timeout))]
    pub(super) head_timeout: Span,
    /// Without a byte of a body in either direction; not for upgraded connections and event streams
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().body_idle_timeout))]
    pub(super) body_idle_timeout: Span,
    /// Between two requests of a connection
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().keep_alive_timeout))]
    pub(super) keep_alive_timeout: Span,
    /// How long a user is remembered by a token
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().token_ttl))]
    pub(super) token_ttl: Span,
    /// How long a yes is remembered
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().allowed_ttl))]
    pub(super) allowed_ttl: Span,
    /// How long a no is remembered
    #[arg(long, value_name = "DURATION", value_parser = go::span, default_value_t = Span(Limits::default().denied_ttl))]
    pub(super) denied_ttl: Span,
}

/// The flag's type is smaller than the limit's; the default fits both.
fn connections() -> u32 {
    u32::try_from(Limits::default().connections).unwrap_or(u32::MAX)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CompatibilityKind {
    /// Ours
    None,
    /// brancz/kube-rbac-proxy: 401 and 500 where the API server is away; a configured verb is ignored
    KubeRbacProxy,
    /// Open Data Hub's fork: the same, and a configured verb is honoured; --upstream-timeout is 30s
    OdhKubeRbacProxy,
}

// === impl CompatibilityKind ===

impl From<CompatibilityKind> for Compatibility {
    fn from(kind: CompatibilityKind) -> Self {
        match kind {
            CompatibilityKind::None => Self::None,
            CompatibilityKind::KubeRbacProxy => Self::KubeRbacProxy,
            CompatibilityKind::OdhKubeRbacProxy => Self::OdhKubeRbacProxy,
        }
    }
}
