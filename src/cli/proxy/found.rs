//! What the files that the flags name hold, read as the proxy itself reads them. Opens no port, asks nobody.

use std::path::Path;
use std::sync::Arc;

use crate::proxy::api::{Api, Patience};
use crate::proxy::certificate::ClientCertificates;
use crate::proxy::metrics::Metrics;
use crate::proxy::oidc::Issuer;
use crate::proxy::options::{Compatibility, Options};
use crate::proxy::rules::{Rules, file};
use crate::proxy::tls::{ServerTls, UpstreamTls, authorities};

/// Everything wrong so far, and what is there.
#[derive(Default)]
struct Found {
    faults: Vec<String>,
    lines: Vec<String>,
}

// === impl Found ===

impl Found {
    fn note<T>(&mut self, flag: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|fault| self.faults.push(named(flag, fault))).ok()
    }
}

/// The flag that names a file, unless the message has it already.
fn named(flag: &str, fault: String) -> String {
    if fault.starts_with("--") || flag.is_empty() {
        fault
    } else {
        format!("{flag}: {fault}")
    }
}

/// The rules of `--config-file`; without one, those of each request's own verb and path.
#[expect(clippy::disallowed_methods, reason = "the configuration is a file")]
pub(super) fn rules(
    file: Option<&Path>,
    strict: bool,
    compatibility: Compatibility,
) -> Result<Rules, Vec<String>> {
    let Some(name) = file.filter(|name| !name.as_os_str().is_empty()) else {
        return Rules::new(None, compatibility);
    };
    let named = |fault: String| format!("--config-file={}: {fault}", name.display());
    let text = std::fs::read_to_string(name).map_err(|error| vec![named(error.to_string())])?;
    file::read(&text, strict)
        .and_then(|file| Rules::new(Some(&file), compatibility))
        .map_err(|faults| faults.into_iter().map(named).collect())
}

/// Reads everything. Gives a line for each thing that is there.
pub(super) fn all(options: &Options) -> Result<Vec<String>, Vec<String>> {
    let mut found = Found::default();
    serving(options, &mut found);
    upstream(options, &mut found);
    let read = rules(
        options.config_file.as_deref(),
        options.strict_config,
        options.compatibility,
    );
    match read {
        Ok(rules) => {
            found.lines.push(match &options.config_file {
                Some(file) => format!("rights: {}", file.display()),
                None => "rights: each request's own verb and path".into(),
            });
            found.lines.extend(
                rules
                    .warnings()
                    .iter()
                    .map(|warning| format!("warning: {warning}")),
            );
        }
        Err(faults) => found.faults.extend(faults),
    }
    callers(options, &mut found);
    let kubeconfig = options.api.kubeconfig.as_ref();
    let from = kubeconfig.map_or_else(|| "this cluster's".into(), |file| file.display().to_string());
    if found
        .note("", Api::with_patience(&options.api, Patience::default()))
        .is_some()
    {
        found.lines.push(format!("API server: {from}"));
    }
    if found.faults.is_empty() {
        Ok(found.lines)
    } else {
        Err(found.faults)
    }
}

fn serving(options: &Options, found: &mut Found) {
    for (address, secure) in options.listen_addresses() {
        let how = if secure { "TLS" } else { "clear text" };
        found.lines.push(format!("listens at {address}: {how}"));
    }
    if options.secure_listen_address.is_none() {
        return;
    }
    let tls = ServerTls::new(options.tls.clone(), !options.http2.disabled);
    if found.note("--tls-cert-file", tls).is_some() {
        found.lines.push(match &options.tls.certificate {
            Some((certificate, _)) => format!("certificate: {}", certificate.display()),
            None => "certificate: made at start".into(),
        });
    }
}

fn upstream(options: &Options, found: &mut Found) {
    let upstream = &options.upstream;
    let scheme = if upstream.tls { "https" } else { "http" };
    // In clear text no certificate is needed; kube-rbac-proxy does not start with a wrong file all the same.
    let read = match &upstream.ca_file {
        _ if upstream.tls => UpstreamTls::new(upstream).map(drop),
        Some(file) => authorities(file).map(drop),
        None => Ok(()),
    };
    if found.note("--upstream-ca-file", read).is_some() {
        found.lines.push(format!(
            "guards {scheme}://{}{}/",
            upstream.authority, upstream.path_prefix
        ));
    }
}

fn callers(options: &Options, found: &mut Found) {
    if let Some(file) = &options.tls.client_ca_file
        && found
            .note("--client-ca-file", ClientCertificates::new(file))
            .is_some()
    {
        found
            .lines
            .push(format!("client certificates: {}", file.display()));
    }
    if let Some(oidc) = &options.authentication.oidc
        && found
            .note("--oidc-ca-file", Issuer::new(oidc, Arc::new(Metrics::default())))
            .is_some()
    {
        found.lines.push(format!("ID tokens: {}", oidc.issuer));
    }
}
