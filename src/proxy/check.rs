//! What must fit together in the options, and in what they name. Pure.
//!
//! Messages are the stock program's where it has one (brancz/kube-rbac-proxy `cmd/kube-rbac-proxy/app/kube-rbac-proxy.go`
//! v0.21.0), with what to write instead.

use super::options::{Oidc, Options};
use super::paths::Paths;

/// The algorithms of signatures that an issuer may use: those with two keys (kubernetes/apiserver
/// `plugin/pkg/authenticator/token/oidc/oidc.go`).
const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512",
];

/// Names that a request's head needs for itself.
const TAKEN: [&str; 12] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// All that does not fit together, each with the flag's name and what to write.
pub fn errors(options: &Options) -> Vec<String> {
    let mut errors = Vec::new();
    addresses(options, &mut errors);
    if !options.allow_paths.is_empty() && !options.ignore_paths.is_empty() {
        errors.push("cannot use --allow-paths and --ignore-paths together: leave one out".into());
    } else if let Err(error) = Paths::new(&options.allow_paths, &options.ignore_paths) {
        errors.push(error);
    }
    if let Some(oidc) = &options.authentication.oidc {
        issuer(oidc, &mut errors);
    }
    identity_headers(options, &mut errors);
    if i32::try_from(options.http2.max_size).is_err() {
        errors.push(format!(
            "--http2-max-size={}: HTTP/2 allows at most {} bytes",
            options.http2.max_size,
            i32::MAX
        ));
    }
    errors
}

/// What works, and perhaps not as meant.
pub fn warnings(options: &Options) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(address) = &options.insecure_listen_address
        && !is_local(address)
    {
        warnings.push(format!(
            "--insecure-listen-address={address}: tokens cross the network in clear text; listen at 127.0.0.1, or by TLS"
        ));
    }
    if options.secure_listen_address.is_none() {
        if options.proxy_endpoints_port.is_some() {
            warnings.push("--proxy-endpoints-port has no effect without --secure-listen-address".into());
        }
        if options.tls.client_ca_file.is_some() {
            warnings.push("--client-ca-file has no effect without --secure-listen-address".into());
        }
    } else if options.tls.certificate.is_none() {
        warnings.push("no --tls-cert-file: the certificate is made here, and no client can verify it".into());
    }
    if options.authentication.oidc.is_some()
        && options.tls.client_ca_file.is_some()
        && !options.authentication.oidc_and_token_review
    {
        warnings.push(
            "--client-ca-file has no effect with --oidc-issuer; --oidc-and-token-review takes both".into(),
        );
    }
    warnings
}

fn addresses(options: &Options, errors: &mut Vec<String>) {
    if options.listen_addresses().next().is_none() {
        errors.push("no listen address provided: write --secure-listen-address=0.0.0.0:8443".into());
    }
    for (address, secure) in options.listen_addresses() {
        if !is_address(address) {
            let flag = if secure {
                "--secure-listen-address"
            } else {
                "--insecure-listen-address"
            };
            errors.push(format!(
                "{flag}={address}: no address to listen at; write HOST:PORT, as 0.0.0.0:8443 or [::]:8443"
            ));
        }
    }
}

/// `HOST:PORT` with a port in digits. The host may be empty or a name; one with colons stands in brackets.
fn is_address(typed: &str) -> bool {
    let Some((host, port)) = typed.rsplit_once(':') else {
        return false;
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let bracketed = host.starts_with('[') && host.ends_with(']');
    digits && port.parse::<u16>().is_ok() && (bracketed || !host.contains([':', '[', ']', '/', ' ']))
}

/// Whether only this pod can connect.
fn is_local(address: &str) -> bool {
    match super::options::socket_address(address) {
        Some(address) => address.ip().is_loopback(),
        None => address.starts_with("localhost:"),
    }
}

fn issuer(oidc: &Oidc, errors: &mut Vec<String>) {
    let issuer = &oidc.issuer;
    if !issuer.starts_with("https://") {
        errors.push(format!(
            "--oidc-issuer={issuer}: URL scheme must be https; write https://HOST/PATH, exactly as the issuer's tokens have it in `iss`"
        ));
    }
    if oidc.client_id.is_empty() {
        errors.push(format!(
            "--oidc-issuer={issuer} without --oidc-clientID: write whom the tokens are for, as they have it in `aud`"
        ));
    }
    for (flag, claim) in [
        ("--oidc-username-claim", &oidc.username_claim),
        ("--oidc-groups-claim", &oidc.groups_claim),
    ] {
        if claim.is_empty() && flag != "--oidc-groups-claim" {
            errors.push(format!(
                "{flag}= is empty: write the claim's name, as email or sub"
            ));
        }
    }
    for algorithm in &oidc.algorithms {
        if !ALGORITHMS.contains(&algorithm.as_str()) {
            errors.push(format!(
                "--oidc-sign-alg={algorithm}: unsupported; write one of {}",
                ALGORITHMS.join(", ")
            ));
        }
    }
}

fn identity_headers(options: &Options, errors: &mut Vec<String>) {
    let headers = &options.identity_headers;
    for (flag, name) in [
        ("--auth-header-user-field-name", &headers.user),
        ("--auth-header-groups-field-name", &headers.groups),
    ] {
        let lower = name.to_ascii_lowercase();
        if http::HeaderName::from_bytes(name.as_bytes()).is_err() {
            errors.push(format!(
                "{flag}={name}: not a header's name; write one as X-Auth-Request-User"
            ));
        } else if TAKEN.contains(&lower.as_str()) {
            errors.push(format!(
                "{flag}={name}: requests need this header for something else; write one as X-Auth-Request-User"
            ));
        }
    }
    // Servers may read `-` and `_` as one.
    let same = |name: &str| name.to_ascii_lowercase().replace('_', "-");
    if same(&headers.user) == same(&headers.groups) {
        errors.push(format!(
            "--auth-header-user-field-name and --auth-header-groups-field-name are both {}: write two names",
            headers.user
        ));
    }
    if headers.separator.is_empty() || http::HeaderValue::from_str(&headers.separator).is_err() {
        errors.push(
            "--auth-header-groups-field-separator: empty, or with a character that no header may hold; write one as `|` or `,`"
                .into(),
        );
    }
}

#[cfg(test)]
mod tests;
