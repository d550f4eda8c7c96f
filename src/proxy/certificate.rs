//! Client certificates: whether an authority's, and whose.
//!
//! Name is the subject's common name, groups its organizations, as in kubernetes/apiserver
//! `pkg/authentication/request/x509` (`CommonNameUserConversion`). A certificate that does not verify is nobody's, and the
//! token beside it counts. It is verified for each request, as there: one that ends, or whose authority is taken out of the
//! file, ends with open connections too.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::api::cluster;
use super::tls;
use super::user::User;

/// Which credential it was (kubernetes/apiserver `pkg/authentication/user`, `CredentialIDKey`).
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// The authorities of `--client-ca-file`.
pub struct ClientCertificates {
    path: PathBuf,
    last: Mutex<Vec<u8>>,
    verifier: ArcSwap<Arc<dyn ClientCertVerifier>>,
}

// === impl ClientCertificates ===

impl ClientCertificates {
    /// Reads the file.
    pub fn new(path: &Path) -> Result<Self, String> {
        let pem = cluster::read(path)?;
        let verifier = verifier(&pem).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            last: Mutex::new(pem),
            verifier: ArcSwap::from_pointee(verifier),
        })
    }

    /// Reads the file again; whether others are believed from now on. What cannot be read is not: the last ones stay.
    pub fn reload(&self) -> Result<bool, String> {
        let pem = cluster::read(&self.path)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == pem {
            return Ok(false);
        }
        let verifier = verifier(&pem).map_err(|error| format!("{}: {error}", self.path.display()))?;
        self.verifier.store(Arc::new(verifier));
        *last = pem;
        Ok(true)
    }

    /// Whose certificate it is, its own first in the chain.
    pub fn user(&self, chain: &[CertificateDer<'_>]) -> Option<User> {
        let (own, rest) = chain.split_first()?;
        self.verifier
            .load()
            .verify_client_cert(own, rest, UnixTime::now())
            .ok()?;
        named(own)
    }
}

fn verifier(pem: &[u8]) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let roots = Arc::new(tls::roots(pem)?);
    WebPkiClientVerifier::builder_with_provider(roots, Arc::new(tls::provider()))
        .build()
        .map_err(|error| error.to_string())
}

/// Whom a certificate names. Of several common names the last counts, as in Go's `pkix.Name`.
fn named(certificate: &CertificateDer<'_>) -> Option<User> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let subject = parsed.subject();
    let name = subject.iter_common_name().last()?.as_str().ok()?.to_owned();
    if name.is_empty() {
        return None;
    }
    let groups = subject
        .iter_organization()
        .map(|group| group.as_str().map(str::to_owned))
        .collect::<Result<_, _>>()
        .ok()?;
    let print: String = digest::digest(&digest::SHA256, certificate)
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Some(User {
        name,
        uid: String::new(),
        groups,
        extra: [(CREDENTIAL_ID.to_owned(), vec![format!("X509SHA256={print}")])].into(),
    })
}

#[cfg(test)]
mod tests;
