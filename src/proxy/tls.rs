//! TLS: versions and suites as Go names them, certificates that are read again.
//!
//! Serves TLS 1.3 and, unless told otherwise, 1.2; nothing older, and no suite without forward secrecy, whatever is asked for.
//! What was read last and could be used stays until something that can be used takes its place.
#![expect(clippy::disallowed_methods, reason = "certificates are files")]

pub mod names;
mod shown;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ProducesTickets;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::options;

/// HTTP/2 over TLS (RFC 9113, section 3.2).
pub const ALPN_H2: &[u8] = b"h2";
/// HTTP/1.1 over TLS (RFC 7301, section 6).
pub const ALPN_HTTP1: &[u8] = b"http/1.1";

/// What TLS is served with: follows the files.
pub struct ServerTls {
    current: ArcSwap<ServerConfig>,
    tickets: Arc<dyn ProducesTickets>,
    options: options::Tls,
    is_http2: bool,
    read: Mutex<Vec<u8>>,
    ends: std::sync::atomic::AtomicU64,
}

/// What upstreams are reached with: follows the files.
pub struct UpstreamTls {
    http1: ArcSwap<ClientConfig>,
    http2: ArcSwap<ClientConfig>,
    ca_file: Option<PathBuf>,
    client_certificate: Option<(PathBuf, PathBuf)>,
    read: Mutex<Vec<u8>>,
}

/// The one provider. AES-128 first, as Go has it: it is as strong as the curves are, and costs less.
pub fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    let is_later = |suite: &rustls::SupportedCipherSuite| {
        let name = format!("{:?}", suite.suite());
        !name.contains("AES_128")
    };
    // Stable: TLS 1.3 stays in front of 1.2.
    provider
        .cipher_suites
        .sort_by_key(|suite| (suite.tls13().is_none(), is_later(suite)));
    provider
}

/// The authorities in a PEM file.
///
/// # Errors
/// The file cannot be read, or holds none.
pub fn authorities(file: &Path) -> Result<RootCertStore, String> {
    roots(&read(file)?).map_err(|reason| format!("{}: {reason}", file.display()))
}

/// The platform's authorities.
///
/// # Errors
/// There are none.
pub fn platform_authorities() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("no authorities of the platform's are found; name a file".into());
    }
    Ok(roots)
}

/// A client's configuration that trusts these authorities and no others.
///
/// # Errors
/// The key does not fit the certificate.
pub fn client(
    roots: RootCertStore,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    protocols: &[&[u8]],
) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some((chain, key)) => builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| error.to_string())?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    Ok(config)
}

/// A certificate chain and its key, from PEM texts.
///
/// # Errors
/// Neither is there, or one cannot be read.
pub fn identity(
    certificate: &[u8],
    key: &[u8],
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the certificate cannot be read: {error}"))?;
    if chain.is_empty() {
        return Err("holds no certificate (PEM, BEGIN CERTIFICATE)".into());
    }
    let key =
        PrivateKeyDer::from_pem_slice(key).map_err(|error| format!("the key cannot be read: {error}"))?;
    Ok((chain, key))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))
}

/// The authorities in a PEM text.
///
/// # Errors
/// It holds none, or one cannot be read.
pub fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() {
        return Err("holds no certificate (PEM, BEGIN CERTIFICATE)".into());
    }
    Ok(roots)
}

/// Several files as one text that differs where one of them does.
fn joined(texts: &[&[u8]]) -> Vec<u8> {
    let mut all = Vec::new();
    for text in texts {
        all.extend_from_slice(&text.len().to_be_bytes());
        all.extend_from_slice(text);
    }
    all
}

// === impl ServerTls ===

impl ServerTls {
    /// Reads the certificate, or makes one for this host's name. Client certificates are asked for where authorities for them
    /// are named; whose they are is decided later, so that a foreign one falls through to the token.
    ///
    /// # Errors
    /// What is wrong with the files, with their names.
    pub fn new(options: options::Tls, is_http2: bool) -> Result<Self, String> {
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        let (certificate, key) = match &options.certificate {
            Some((certificate, key)) => (read(certificate)?, read(key)?),
            None => own_certificate()?,
        };
        let (config, ends) = server(&options, is_http2, &certificate, &key, &tickets)?;
        Ok(Self {
            current: ArcSwap::from_pointee(config),
            tickets,
            read: Mutex::new(joined(&[&certificate, &key])),
            options,
            is_http2,
            ends: ends.into(),
        })
    }

    /// What the next handshake is made with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }

    /// When the certificate ends, in seconds since 1970; 0 where that cannot be read.
    pub fn ends(&self) -> u64 {
        self.ends.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Reads the files again. Whether something else is served now.
    ///
    /// # Errors
    /// They cannot be used: what was served stays.
    pub fn reload(&self) -> Result<bool, String> {
        let Some((certificate, key)) = &self.options.certificate else {
            return Ok(false);
        };
        let texts = (read(certificate)?, read(key)?);
        let all = joined(&[&texts.0, &texts.1]);
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == all {
            return Ok(false);
        }
        let (config, ends) = server(&self.options, self.is_http2, &texts.0, &texts.1, &self.tickets)?;
        self.current.store(Arc::new(config));
        self.ends.store(ends, std::sync::atomic::Ordering::Relaxed);
        *known = all;
        Ok(true)
    }
}

impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerTls")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

fn server(
    options: &options::Tls,
    is_http2: bool,
    certificate: &[u8],
    key: &[u8],
    tickets: &Arc<dyn ProducesTickets>,
) -> Result<(ServerConfig, u64), String> {
    let name = options
        .certificate
        .as_ref()
        .map_or_else(String::new, |(file, _)| format!("{}: ", file.display()));
    let (chain, key) = identity(certificate, key).map_err(|reason| format!("{name}{reason}"))?;
    let ends = chain.first().map_or(0, ends_at);
    let mut provider = provider();
    if !options.cipher_suites.is_empty() {
        let wanted = names::suites(&options.cipher_suites)?;
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || wanted.contains(&suite.suite()));
    }
    let versions: &[&SupportedProtocolVersion] = if options.version_12 {
        &[&rustls::version::TLS13, &rustls::version::TLS12]
    } else {
        &[&rustls::version::TLS13]
    };
    let signing = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| format!("{name}the key cannot be used: {error}"))?;
    let certified = CertifiedKey::new(chain, signing);
    certified
        .keys_match()
        .map_err(|error| format!("{name}certificate and key do not belong together: {error}"))?;
    let provider = Arc::new(provider);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(|error| error.to_string())?;
    let builder = if options.client_ca_file.is_some() {
        builder.with_client_cert_verifier(Arc::new(shown::Shown::new(&provider)))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    // Ours, as with Go's servers.
    config.ignore_client_order = true;
    config.alpn_protocols = if is_http2 {
        vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()]
    } else {
        vec![ALPN_HTTP1.to_vec()]
    };
    // A resumed session costs a tenth of a handshake, which is what a tight CPU limit notices first. Tickets alone: nothing
    // is kept here for each client.
    config.ticketer = Arc::clone(tickets);
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 1;
    Ok((config, ends))
}

fn ends_at(certificate: &CertificateDer<'_>) -> u64 {
    let parsed = x509_parser::parse_x509_certificate(certificate.as_ref());
    let at = parsed.map_or(0, |(_, found)| found.validity().not_after.timestamp());
    u64::try_from(at).unwrap_or_default()
}

/// A certificate for this host's name, as the stock programs make one where they are given none.
fn own_certificate() -> Result<(Vec<u8>, Vec<u8>), String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "localhost",
        host => host,
    };
    let made = rcgen::generate_simple_self_signed([host.to_owned()]).map_err(|error| error.to_string())?;
    Ok((
        made.cert.pem().into_bytes(),
        made.signing_key.serialize_pem().into_bytes(),
    ))
}

// === impl UpstreamTls ===

impl UpstreamTls {
    /// Reads the authorities (the platform's, where no file is named) and the client's certificate.
    ///
    /// # Errors
    /// What is wrong with the files, with their names.
    pub fn new(options: &options::Upstream) -> Result<Self, String> {
        let (ca_file, identity_files) = (options.ca_file.clone(), options.client_certificate.clone());
        let (http1, http2, read) = upstream(ca_file.as_deref(), identity_files.as_ref())?;
        Ok(Self {
            http1: ArcSwap::from_pointee(http1),
            http2: ArcSwap::from_pointee(http2),
            ca_file,
            client_certificate: identity_files,
            read: Mutex::new(read),
        })
    }

    /// For connections that speak HTTP/1.1.
    pub fn http1(&self) -> Arc<ClientConfig> {
        self.http1.load_full()
    }

    /// For connections that speak HTTP/2.
    pub fn http2(&self) -> Arc<ClientConfig> {
        self.http2.load_full()
    }

    /// Reads the files again. Whether something changed.
    ///
    /// # Errors
    /// They cannot be used: what was read last stays.
    pub fn reload(&self) -> Result<bool, String> {
        if self.ca_file.is_none() && self.client_certificate.is_none() {
            return Ok(false);
        }
        let (http1, http2, read) = upstream(self.ca_file.as_deref(), self.client_certificate.as_ref())?;
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == read {
            return Ok(false);
        }
        self.http1.store(Arc::new(http1));
        self.http2.store(Arc::new(http2));
        *known = read;
        Ok(true)
    }
}

fn upstream(
    ca_file: Option<&Path>,
    files: Option<&(PathBuf, PathBuf)>,
) -> Result<(ClientConfig, ClientConfig, Vec<u8>), String> {
    let (authorities, ca) = match ca_file {
        Some(file) => {
            let text = read(file)?;
            let found = roots(&text).map_err(|reason| format!("{}: {reason}", file.display()))?;
            (found, text)
        }
        None => (platform_authorities()?, Vec::new()),
    };
    let texts = match files {
        Some((certificate, key)) => Some((read(certificate)?, read(key)?)),
        None => None,
    };
    let own = || match (&texts, files) {
        (Some((certificate, key)), Some((file, _))) => identity(certificate, key)
            .map(Some)
            .map_err(|reason| format!("{}: {reason}", file.display())),
        _ => Ok(None),
    };
    let http1 = client(authorities.clone(), own()?, &[ALPN_HTTP1])?;
    let http2 = client(authorities, own()?, &[ALPN_H2])?;
    let (certificate, key) = texts.unwrap_or_default();
    Ok((http1, http2, joined(&[&ca, &certificate, &key])))
}
