//! Which API server, whom we believe to be it, and who we are to it: from a kubeconfig, or from the pod that we run in.
//!
//! Tokens and authorities in files are read again, at most once a minute, or at once where the server knows us no more: the
//! kubelet replaces both. What cannot be read is not taken; the last good one stays. The bytes are compared, not the file's
//! name or date: the kubelet swaps a folder behind a symbolic link, and a watch would stay on what lay there before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::client::Origin;
use super::kubeconfig::{Kubeconfig, Material};
use super::trust::{self, Trust};
use crate::proxy::tls;

/// Where the kubelet puts a pod's token and the cluster's authority (client-go `rest/config.go`).
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Which API server, and who we are to it.
pub struct Cluster {
    /// Where it is.
    pub origin: Origin,
    /// The path in front of every request's, without a slash at its end.
    pub prefix: String,
    token: Option<Source>,
    skip_verify: bool,
    authority: Option<Source>,
    pair: Option<(Source, Source)>,
    every: Duration,
}

/// Bytes, and where they are read again.
struct Source {
    path: Option<PathBuf>,
    last: Mutex<Last>,
}

struct Last {
    bytes: Vec<u8>,
    read: Instant,
}

// === impl Source ===

impl Source {
    fn new(material: Material) -> Result<Self, String> {
        let (path, bytes) = match material {
            Material::Inline(bytes) => (None, bytes),
            Material::File(path) => {
                let bytes = read(&path)?;
                (Some(path), bytes)
            }
        };
        let read = Instant::now();
        Ok(Self {
            path,
            last: Mutex::new(Last { bytes, read }),
        })
    }

    fn bytes(&self) -> Vec<u8> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .bytes
            .clone()
    }

    /// Reads the file again where it is time; whether other bytes are there that `usable` can use.
    fn refresh(&self, every: Duration, usable: impl Fn(&[u8]) -> bool) -> bool {
        let Some(path) = &self.path else {
            return false;
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.read.elapsed() < every {
            return false;
        }
        last.read = Instant::now();
        match read(path) {
            Ok(bytes) if bytes != last.bytes && usable(&bytes) => {
                last.bytes = bytes;
                true
            }
            _ => false,
        }
    }
}

// === impl Cluster ===

impl Cluster {
    /// The cluster of a kubeconfig file.
    pub fn of_file(path: &Path, every: Duration) -> Result<Self, String> {
        let text = read(path).map_err(|error| {
            format!("unable to build rest config based on provided path to kubeconfig file: {error}")
        })?;
        let text = String::from_utf8(text).map_err(|_| format!("{}: it is no text", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Kubeconfig::read(&text, folder)
            .and_then(|kubeconfig| Self::of(kubeconfig, every))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// The cluster that this pod runs in. `host` and `port` are `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`.
    pub fn of_pod(
        host: Option<String>,
        port: Option<String>,
        account: &Path,
        every: Duration,
    ) -> Result<Self, String> {
        let (Some(host), Some(port)) = (host, port) else {
            return Err(
                "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be \
                 defined; outside of a cluster give --kubeconfig"
                    .into(),
            );
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host
        };
        Self::of(
            Kubeconfig {
                server: format!("https://{host}:{port}"),
                server_name: None,
                skip_verify: false,
                authority: Some(Material::File(account.join("ca.crt"))),
                pair: None,
                token: Some(Material::File(account.join("token"))),
            },
            every,
        )
    }

    /// The cluster that this pod runs in, by the process' own environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "where the API server is stands in the environment of every pod"
    )]
    pub fn of_this_pod(every: Duration) -> Result<Self, String> {
        let host = std::env::var("KUBERNETES_SERVICE_HOST").ok();
        let port = std::env::var("KUBERNETES_SERVICE_PORT").ok();
        Self::of_pod(host, port, Path::new(ACCOUNT), every)
    }

    fn of(kubeconfig: Kubeconfig, every: Duration) -> Result<Self, String> {
        let (mut origin, prefix) = Origin::from_url(&kubeconfig.server)?;
        origin.server_name = kubeconfig.server_name;
        let pair = match kubeconfig.pair {
            Some((certificate, key)) => Some((Source::new(certificate)?, Source::new(key)?)),
            None => None,
        };
        let cluster = Self {
            origin,
            prefix,
            token: kubeconfig.token.map(Source::new).transpose()?,
            skip_verify: kubeconfig.skip_verify,
            authority: kubeconfig.authority.map(Source::new).transpose()?,
            pair,
            every,
        };
        if let Some(token) = &cluster.token
            && !is_token(&token.bytes())
        {
            return Err("the token is empty, or no text that a header can hold".into());
        }
        Ok(cluster)
    }

    /// The TLS by which it is asked; none for an `http` server.
    pub fn tls(&self) -> Result<Option<Arc<ClientConfig>>, String> {
        if !self.origin.tls {
            return Ok(None);
        }
        let trust = match &self.authority {
            _ if self.skip_verify => Trust::Anybody,
            Some(source) => Trust::Roots(
                tls::roots(&source.bytes()).map_err(|error| format!("certificate-authority: {error}"))?,
            ),
            None => Trust::Roots(tls::platform_authorities()?),
        };
        let pair = match &self.pair {
            Some((certificate, key)) => Some(tls::identity(&certificate.bytes(), &key.bytes())?),
            None => None,
        };
        trust::client_config(trust, pair).map(Some)
    }

    /// Reads authorities and certificates again where it is time; what to use from now on, where that is another.
    pub fn new_tls(&self) -> Option<Arc<ClientConfig>> {
        let authority = self.authority.as_ref();
        let mut changed =
            authority.is_some_and(|source| source.refresh(self.every, |pem| tls::roots(pem).is_ok()));
        if let Some((certificate, key)) = &self.pair {
            changed |= certificate.refresh(self.every, |_| true);
            changed |= key.refresh(self.every, |_| true);
        }
        // A pair of which one half is new does not fit and gives an error: the other half comes with the next turn.
        if changed { self.tls().ok().flatten() } else { None }
    }

    /// The value of Authorization. `at_once`: the server knows us no more, so the file is looked at now.
    pub fn authorization(&self, at_once: bool) -> Option<HeaderValue> {
        let source = self.token.as_ref()?;
        source.refresh(if at_once { Duration::ZERO } else { self.every }, is_token);
        header(&source.bytes())
    }
}

/// Reads a file.
#[expect(
    clippy::disallowed_methods,
    reason = "tokens, keys and authorities come from files that others replace"
)]
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("stat {}: no such file or directory", path.display()),
        _ => format!("{}: {error}", path.display()),
    })
}

fn is_token(bytes: &[u8]) -> bool {
    header(bytes).is_some()
}

fn header(bytes: &[u8]) -> Option<HeaderValue> {
    let token = bytes.trim_ascii();
    if token.is_empty() {
        return None;
    }
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
