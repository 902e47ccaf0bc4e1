//! TLS and certificate pins (SEC-015).
//!
//! 1. With a pin, the SHA-256 of the certificate that the server shows must be the pin; no authority is asked.
//! 2. Without one, the certificate must be issued by an authority that this machine trusts, for that host name.
//! 3. In both cases the server must prove in the handshake that it holds the certificate's key.
//!
//! The comparison is part of the TLS handshake: when it fails, not one byte of the WebSocket has been sent.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use openclaw_identity::Fingerprint;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::tcp::address_of;
use crate::{DialError, DialOptions, Endpoint, Host, TlsProblem, WsUrl};

/// Which certificates are accepted.
pub(crate) enum Trust {
    /// Exactly this one.
    Pin(Fingerprint),
    /// What these authorities issued.
    Roots(Arc<RootCertStore>),
    /// What the system's authorities issued.
    SystemRoots,
    /// Any: only to learn its fingerprint; nothing is sent afterwards.
    Learn,
}

impl Trust {
    pub(crate) fn of(endpoint: &Endpoint, options: &DialOptions) -> Self {
        match (&endpoint.pin, &options.roots) {
            (Some(pin), _) => Self::Pin(pin.clone()),
            (None, Some(roots)) => Self::Roots(roots.clone()),
            (None, None) => Self::SystemRoots,
        }
    }
}

/// A finished TLS handshake.
pub(crate) struct Secured {
    pub(crate) stream: TlsStream<TcpStream>,
    /// Of the server's certificate.
    pub(crate) fingerprint: Fingerprint,
}

/// Does the TLS handshake as a client.
pub(crate) async fn handshake(url: &WsUrl, trust: Trust, tcp: TcpStream) -> Result<Secured, DialError> {
    let address = address_of(url);
    let failed = |problem, found, source| DialError::Tls { address: address.clone(), problem, found, source };
    let name = server_name(url.host()).map_err(|source| failed(TlsProblem::Other, None, source))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let rule = rule_of(trust, &provider).await.map_err(|source| failed(TlsProblem::NoRoots, None, source))?;
    let verifier = Arc::new(Verifier { rule, provider: provider.clone(), found: OnceLock::new() });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(TlsProblem::Other, None, io::Error::other(error)))?
        .dangerous()
        .with_custom_certificate_verifier(verifier.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let result = TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
    let found = verifier.found.get().cloned();
    match (result, found) {
        (Ok(stream), Some(fingerprint)) => Ok(Secured { stream, fingerprint }),
        (Ok(_), None) => Err(failed(TlsProblem::Other, None, io::Error::other("the server showed no certificate"))),
        (Err(_), Some(found)) if verifier.expects().is_some_and(|pin| *pin != found) => {
            let expected = verifier.expects().unwrap_or(&found).clone();
            Err(DialError::PinMismatch { expected, found })
        }
        (Err(source), found) => Err(failed(problem_of(&source), found, source)),
    }
}

fn server_name(host: &Host) -> io::Result<ServerName<'static>> {
    match host {
        Host::Ip(ip) => Ok(ServerName::IpAddress(IpAddr::into(*ip))),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(io::Error::other),
    }
}

fn problem_of(error: &io::Error) -> TlsProblem {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidMessage(_)) => TlsProblem::NotTls,
        Some(rustls::Error::InvalidCertificate(problem)) => match problem {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsProblem::UnknownIssuer,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                TlsProblem::WrongName
            }
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. } => TlsProblem::Expired,
            _ => TlsProblem::Other,
        },
        _ => TlsProblem::Other,
    }
}

/// What a certificate is held against.
#[derive(Debug)]
enum Rule {
    Pin(Fingerprint),
    Authorities(Arc<WebPkiServerVerifier>),
    Any,
}

async fn rule_of(trust: Trust, provider: &Arc<CryptoProvider>) -> io::Result<Rule> {
    let roots = match trust {
        Trust::Pin(pin) => return Ok(Rule::Pin(pin)),
        Trust::Learn => return Ok(Rule::Any),
        Trust::Roots(roots) => roots,
        Trust::SystemRoots => system_roots().await?,
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build();
    verifier.map(Rule::Authorities).map_err(io::Error::other)
}

/// The system's authorities, read from disk once, and only when a `wss://` address without a pin asks for them.
async fn system_roots() -> io::Result<Arc<RootCertStore>> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots.clone());
    }
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    if roots.is_empty() {
        let why = loaded.errors.first().map_or_else(|| "none were found".to_owned(), ToString::to_string);
        return Err(io::Error::new(io::ErrorKind::NotFound, why));
    }
    Ok(ROOTS.get_or_init(|| Arc::new(roots)).clone())
}

/// Applies the rule and remembers which certificate was shown.
#[derive(Debug)]
struct Verifier {
    rule: Rule,
    provider: Arc<CryptoProvider>,
    found: OnceLock<Fingerprint>,
}

impl Verifier {
    const fn expects(&self) -> Option<&Fingerprint> {
        match &self.rule {
            Rule::Pin(pin) => Some(pin),
            Rule::Authorities(_) | Rule::Any => None,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = self.found.get_or_init(|| Fingerprint::of_der(end_entity));
        match &self.rule {
            Rule::Pin(pin) if pin == found => Ok(ServerCertVerified::assertion()),
            Rule::Pin(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Rule::Any => Ok(ServerCertVerified::assertion()),
            Rule::Authorities(authorities) => {
                authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
