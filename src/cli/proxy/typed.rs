//! From flags to options: what each value means, and what of several contradicts. All errors are said at once.

use std::path::PathBuf;
use std::time::Duration;

use super::flags::{CallerFlags, Flags, OurFlags, TlsFlags, UpstreamFlags};
use crate::proxy::options::{
    Api, Authentication, Compatibility, Http2, IdentityHeaders, Limits, Oidc, Options, Tls, Upstream, go,
    tls_version, url,
};
use crate::proxy::tls::names::{self, Suite};

/// What Open Data Hub's fork waits for an answer where nothing is said.
const FORK_UPSTREAM_TIMEOUT: Duration = Duration::from_secs(30);

/// Options, and what to say of them that is no error.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) options: Options,
    pub(super) warnings: Vec<String>,
}

/// What has been found wrong so far.
#[derive(Default)]
struct Said {
    errors: Vec<String>,
    warnings: Vec<String>,
}

// === impl Said ===

impl Said {
    fn of<T>(&mut self, result: Result<T, String>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }
}

/// What the flags mean.
pub(super) fn options(flags: &Flags) -> Result<Typed, Vec<String>> {
    let mut said = Said::default();
    let compatibility = flags.ours.compatibility.into();
    let upstream = upstream(&flags.upstream, compatibility, &mut said);
    let tls = tls(&flags.tls, flags.callers.client_ca_file.as_ref(), &mut said);
    let authentication = authentication(&flags.callers, flags.ours.oidc_and_token_review, &mut said);
    let api = Api {
        kubeconfig: given_path(flags.api.kubeconfig.as_ref()),
        qps: questions(flags.api.kube_api_qps, &mut said),
        burst: flags.api.kube_api_burst,
    };
    if let Some(pattern) = &flags.log.vmodule {
        said.warnings.push(format!("--vmodule={pattern} has no effect"));
    }
    let Some(upstream) = upstream.filter(|_| said.errors.is_empty()) else {
        return Err(said.errors);
    };
    let options = Options {
        secure_listen_address: given(&flags.listen.secure_listen_address),
        insecure_listen_address: given(&flags.listen.insecure_listen_address),
        upstream,
        config_file: given_path(flags.rights.config_file.as_ref()),
        strict_config: flags.ours.strict_config,
        allow_paths: lists(&flags.rights.allow_paths),
        ignore_paths: lists(&flags.rights.ignore_paths),
        proxy_endpoints_port: Some(flags.listen.proxy_endpoints_port).filter(|port| *port != 0),
        tls,
        authentication,
        identity_headers: IdentityHeaders {
            enabled: flags.identity.auth_header_fields_enabled,
            user: flags.identity.auth_header_user_field_name.clone(),
            groups: flags.identity.auth_header_groups_field_name.clone(),
            separator: flags.identity.auth_header_groups_field_separator.clone(),
        },
        api,
        http2: http2(flags),
        compatibility,
        limits: limits(&flags.ours),
        verbosity: flags.log.verbosity,
    };
    Ok(Typed {
        options,
        warnings: said.warnings,
    })
}

fn upstream(flags: &UpstreamFlags, compatibility: Compatibility, said: &mut Said) -> Option<Upstream> {
    let client_certificate = said.of(pair(
        "--upstream-client-cert-file",
        flags.upstream_client_cert_file.as_ref(),
        "--upstream-client-key-file",
        flags.upstream_client_key_file.as_ref(),
    ));
    if flags.upstream.is_empty() {
        said.errors.push(
            "no upstream: write --upstream=http://127.0.0.1:PORT/, where what is guarded listens".into(),
        );
        return None;
    }
    let (mut upstream, warnings) = said.of(url::upstream(&flags.upstream))?;
    said.warnings.extend(warnings);
    if flags.upstream_force_h2c && upstream.tls {
        if compatibility == Compatibility::None {
            said.errors.push(format!(
                "--upstream-force-h2c is HTTP/2 in clear text, and --upstream={} is TLS: write http://, or leave the flag out",
                flags.upstream
            ));
        } else {
            said.warnings.push(
                "--upstream-force-h2c: the upstream is asked in clear text, though it says https".into(),
            );
            upstream.tls = false;
        }
    }
    upstream.force_h2c = flags.upstream_force_h2c;
    upstream.ca_file = given_path(flags.upstream_ca_file.as_ref());
    upstream.client_certificate = client_certificate.flatten();
    if !upstream.tls && (upstream.ca_file.is_some() || upstream.client_certificate.is_some()) {
        said.warnings.push(
            "--upstream-ca-file and --upstream-client-cert-file have no effect on an upstream in clear text"
                .into(),
        );
    }
    let default = match compatibility {
        Compatibility::OdhKubeRbacProxy => FORK_UPSTREAM_TIMEOUT,
        Compatibility::None | Compatibility::KubeRbacProxy => Duration::ZERO,
    };
    let timeout = flags.upstream_timeout.map_or(default, |span| span.0);
    upstream.timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
    Some(upstream)
}

fn tls(flags: &TlsFlags, client_ca_file: Option<&PathBuf>, said: &mut Said) -> Tls {
    let certificate = said.of(pair(
        "--tls-cert-file",
        flags.tls_cert_file.as_ref(),
        "--tls-private-key-file",
        flags.tls_private_key_file.as_ref(),
    ));
    let oldest = said.of(tls_version::oldest(&flags.tls_min_version));
    let mut version_12 = true;
    if let Some(oldest) = oldest {
        said.warnings.extend(oldest.warning);
        version_12 = oldest.version_12;
    }
    let named = lists(&flags.tls_cipher_suites);
    let spoken = suites(&named, said);
    // A list of TLS 1.3's names alone leaves none of 1.2's.
    version_12 &= named.is_empty() || !spoken.is_empty();
    if flags.tls_reload_interval.0.is_zero() {
        said.errors
            .push("--tls-reload-interval=0: certificates end; write 1m, or leave the flag out".into());
    }
    Tls {
        certificate: certificate.flatten(),
        version_12,
        cipher_suites: spoken,
        reload_interval: flags.tls_reload_interval.0,
        client_ca_file: given_path(client_ca_file),
    }
}

/// The suites of TLS 1.2 that are spoken of those that are named. Go's others are said; a name that is nobody's is an error,
/// as is a list of which nothing is spoken.
fn suites(named: &[String], said: &mut Said) -> Vec<String> {
    if named.is_empty() || said.of(names::suites(named)).is_none() {
        return Vec::new();
    }
    let is = |name: &str, wanted: fn(Suite) -> bool| names::suite(name.trim()).is_some_and(wanted);
    let foreign: Vec<&str> = named
        .iter()
        .map(String::as_str)
        .filter(|name| is(name, |suite| suite == Suite::Foreign) && name.contains("_WITH_"))
        .collect();
    if !foreign.is_empty() {
        said.warnings.push(format!(
            "--tls-cipher-suites: not spoken, for they are weak: {}",
            foreign.join(", ")
        ));
    }
    let spoken = named
        .iter()
        .filter(|name| is(name, |suite| matches!(suite, Suite::Spoken(_))));
    spoken.cloned().collect()
}

fn authentication(flags: &CallerFlags, and_token_review: bool, said: &mut Said) -> Authentication {
    let oidc = given(&flags.oidc_issuer).map(|issuer| Oidc {
        issuer,
        client_id: flags.oidc_client_id.clone(),
        username_claim: flags.oidc_username_claim.clone(),
        groups_claim: flags.oidc_groups_claim.clone(),
        username_prefix: flags.oidc_username_prefix.clone(),
        groups_prefix: flags.oidc_groups_prefix.clone(),
        algorithms: lists(&flags.oidc_sign_alg),
        ca_file: given_path(flags.oidc_ca_file.as_ref()),
    });
    if oidc.is_none() && !flags.oidc_client_id.is_empty() {
        said.warnings
            .push("--oidc-clientID has no effect without --oidc-issuer".into());
    }
    if oidc.is_none() && and_token_review {
        said.warnings
            .push("--oidc-and-token-review has no effect without --oidc-issuer".into());
    }
    Authentication {
        token_audiences: lists(&flags.auth_token_audiences),
        oidc,
        oidc_and_token_review: and_token_review,
    }
}

/// Whole questions a second: parts of one are one.
fn questions(typed: f64, said: &mut Said) -> u32 {
    if typed < 0.0 {
        said.errors.push(format!(
            "--kube-api-qps={typed}: unlimited questions would let anybody without a right load the API server; write a number, or 0 for the default"
        ));
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and what is too large becomes the largest"
    )]
    let whole = typed.ceil() as u32;
    whole
}

fn http2(flags: &Flags) -> Http2 {
    let default = Http2::default();
    let or = |typed: u32, default: u32| if typed == 0 { default } else { typed };
    Http2 {
        disabled: flags.http2.http2_disable,
        max_concurrent_streams: or(
            flags.http2.http2_max_concurrent_streams,
            default.max_concurrent_streams,
        ),
        max_size: or(flags.http2.http2_max_size, default.max_size),
    }
}

fn limits(flags: &OurFlags) -> Limits {
    let default = Limits::default();
    Limits {
        head_timeout: flags.head_timeout.0,
        body_idle_timeout: flags.body_idle_timeout.0,
        keep_alive_timeout: flags.keep_alive_timeout.0,
        drain_timeout: flags.drain_timeout.0,
        token_ttl: flags.token_ttl.0,
        allowed_ttl: flags.allowed_ttl.0,
        denied_ttl: flags.denied_ttl.0,
        stale_if_error: flags.stale_if_error.0,
        connections: usize::try_from(flags.max_connections).unwrap_or(default.connections),
        ..default
    }
}

/// Two files that mean nothing without each other.
fn pair(
    certificate_flag: &str,
    certificate: Option<&PathBuf>,
    key_flag: &str,
    key: Option<&PathBuf>,
) -> Result<Option<(PathBuf, PathBuf)>, String> {
    match (given_path(certificate), given_path(key)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (Some(certificate), None) => Err(format!(
            "{certificate_flag}={} without its key: add {key_flag}",
            certificate.display()
        )),
        (None, Some(key)) => Err(format!(
            "{key_flag}={} without its certificate: add {certificate_flag}",
            key.display()
        )),
    }
}

/// An empty value is none, as in Go.
fn given(typed: &str) -> Option<String> {
    Some(typed.to_owned()).filter(|typed| !typed.is_empty())
}

/// An empty path is none, too.
fn given_path(typed: Option<&PathBuf>) -> Option<PathBuf> {
    typed.filter(|path| !path.as_os_str().is_empty()).cloned()
}

/// Every value is a list, and they add up.
pub(super) fn lists(typed: &[String]) -> Vec<String> {
    typed.iter().flat_map(|one| go::list(one)).collect()
}
