//! Whom a client of ours believes: authorities, or anybody where somebody asked for that.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::proxy::tls;

/// Whom a client believes.
#[derive(Debug, Clone)]
pub enum Trust {
    /// These authorities.
    Roots(RootCertStore),
    /// Anybody: `insecure-skip-tls-verify`.
    Anybody,
}

/// Who a client is, to a server that asks: a chain and its key.
pub type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The TLS of a client that speaks HTTP/2, or HTTP/1.1 where the server does not.
pub fn client_config(trust: Trust, pair: Option<Pair>) -> Result<Arc<ClientConfig>, String> {
    let (roots, believes_anybody) = match trust {
        Trust::Roots(roots) => (roots, false),
        Trust::Anybody => (RootCertStore::empty(), true),
    };
    let mut config = tls::client(roots, pair, &[tls::ALPN_H2, tls::ALPN_HTTP1])?;
    if believes_anybody {
        let verifier = BelievesAnybody(Arc::new(tls::provider()));
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
    }
    Ok(Arc::new(config))
}

/// Checks that whoever is there holds the key of the certificate that was shown, and nothing else.
#[derive(Debug)]
struct BelievesAnybody(Arc<CryptoProvider>);

// === impl BelievesAnybody ===

impl ServerCertVerifier for BelievesAnybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
