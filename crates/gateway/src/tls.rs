//! TLS on the gateway's port: the person's certificate, or one of our own that clients pin (SEC-015).

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant, SystemTime},
};

use openclaw_config::{
    Paths,
    sections::gateway::{GatewaySection, Tls as TlsSection},
};
use openclaw_identity::Fingerprint;
use openclaw_protocol::clock::Clock;
use openclaw_store::files;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

/// How people and tools recognise a generated certificate.
const COMMON_NAME: &str = "openclaw-gateway";
/// Life of a generated certificate. Clients pin it, so a new one means that each has to be told.
const LIFE_YEARS: i16 = 10;
/// Largest file of certificates or keys.
const MAX_PEM_BYTES: u64 = 1 << 20;
/// The files are looked at when a client comes, at most so often.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Why there is no TLS although it is wanted. The gateway does not start without it then.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] files::FileError),
    /// There is no certificate, and none is to be made.
    #[error("gateway.tls is on, but {} does not exist; name the certificate in gateway.tls.certPath, or set gateway.tls.autoGenerate", .0.display())]
    Missing(PathBuf),
    /// A certificate without its key, or the other way round. Neither is replaced.
    #[error("{} exists and {} does not; both belong together (move the first away to have new ones made)", .there.display(), .missing.display())]
    Half {
        /// What was found.
        there: PathBuf,
        /// What was not.
        missing: PathBuf,
    },
    /// A file holds something else.
    #[error("{} holds no {what} in PEM form: {why}", .path.display())]
    Pem {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The library refuses certificate or key, such as a key of another certificate.
    #[error("the TLS certificate cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The client certificates' authorities cannot be used.
    #[error("gateway.tls.caPath cannot be used: {0}")]
    Authorities(#[from] rustls::server::VerifierBuilderError),
    /// No certificate could be made.
    #[error("cannot make a TLS certificate: {0}")]
    Generate(#[from] rcgen::Error),
}

/// TLS as it is served.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    /// Of the certificate at start.
    pub(crate) fingerprint: Fingerprint,
}

/// The certificate that is shown now; another one after its files changed.
struct Certificate {
    files: PemFiles,
    shown: RwLock<Shown>,
}

#[derive(Clone)]
struct Shown {
    key: Arc<CertifiedKey>,
    stamps: [Option<SystemTime>; 2],
    looked_at: Instant,
}

#[derive(Clone, Debug)]
struct PemFiles {
    certificate: PathBuf,
    key: PathBuf,
}

/// Loads certificate and key, or makes them when there are none; `None` when TLS is off. `addresses` are those that the
/// gateway listens on.
///
/// # Errors
/// [`TlsError`].
pub(crate) fn acceptor(
    paths: &Paths,
    gateway: &GatewaySection,
    addresses: &[SocketAddr],
) -> Result<Option<Tls>, TlsError> {
    if !gateway.tls.enabled {
        return Ok(None);
    }
    let certificate = Arc::new(prepare(paths, &gateway.tls, addresses, Clock::system().now_ms())?);
    let fingerprint = fingerprint(&certificate.shown().key);
    let authorities = gateway.tls.ca_path.as_deref().map(|path| paths.expand(path));
    let config = server_config(certificate, authorities.as_deref())?;
    Ok(Some(Tls { acceptor: TlsAcceptor::from(Arc::new(config)), fingerprint }))
}

fn prepare(
    paths: &Paths,
    section: &TlsSection,
    addresses: &[SocketAddr],
    now_ms: u64,
) -> Result<Certificate, TlsError> {
    let place = |configured: Option<&String>, name: &str| match configured.map(|path| path.trim()) {
        Some(path) if !path.is_empty() => paths.expand(path),
        _ => paths.tls_dir().join(name),
    };
    let files = PemFiles {
        certificate: place(section.cert_path.as_ref(), "gateway-cert.pem"),
        key: place(section.key_path.as_ref(), "gateway-key.pem"),
    };
    match (files.certificate.exists(), files.key.exists()) {
        (true, true) => {}
        (false, false) if section.auto_generate => generate(&files, addresses, now_ms)?,
        (false, false) => return Err(TlsError::Missing(files.certificate)),
        (true, false) => return Err(TlsError::Half { there: files.certificate, missing: files.key }),
        (false, true) => return Err(TlsError::Half { there: files.key, missing: files.certificate }),
    }
    let shown = files.load()?;
    Ok(Certificate { files, shown: RwLock::new(shown) })
}

impl Certificate {
    /// Takes changed files over; the old certificate stays when they are no good. True when another one is shown.
    fn reload_if_changed(&self) -> Result<bool, TlsError> {
        let stamps = self.files.stamps();
        let before = self.shown();
        let mut next = Shown { stamps, looked_at: Instant::now(), ..before.clone() };
        let loaded = if stamps == before.stamps { Ok(None) } else { self.files.load().map(Some) };
        let changed = match loaded {
            Ok(None) => Ok(false),
            Ok(Some(loaded)) => {
                next = loaded;
                Ok(fingerprint(&next.key) != fingerprint(&before.key))
            }
            // Told once: the next look is for the next change.
            Err(error) => Err(error),
        };
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = next;
        changed
    }

    fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificate {
    /// A renewed certificate is shown to the next client, without a restart.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let shown = self.shown();
        if shown.looked_at.elapsed() < LOOK_INTERVAL {
            return Some(shown.key);
        }
        match self.reload_if_changed() {
            Ok(false) => {}
            Ok(true) => {
                info!("the TLS certificate changed; its fingerprint is now {}", fingerprint(&self.shown().key));
            }
            Err(error) => warn!("the changed TLS certificate is not used: {error}"),
        }
        Some(self.shown().key)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl PemFiles {
    fn stamps(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key].map(|path| std::fs::metadata(path).and_then(|found| found.modified()).ok())
    }

    fn load(&self) -> Result<Shown, TlsError> {
        let stamps = self.stamps();
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?).map_err(|why| TlsError::Pem {
            path: self.key.clone(),
            what: "private key",
            why: why.to_string(),
        })?;
        let key = CertifiedKey::from_der(chain, key, &provider())?;
        Ok(Shown { key: Arc::new(key), stamps, looked_at: Instant::now() })
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |why: String| TlsError::Pem { path: path.to_owned(), what: "certificate", why };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let found = found.map_err(|why| bad(why.to_string()))?;
    if found.is_empty() { Err(bad("there is none in it".to_owned())) } else { Ok(found) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read_capped(path, MAX_PEM_BYTES)?.ok_or_else(|| TlsError::Missing(path.to_owned()))
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn server_config(certificate: Arc<Certificate>, authorities: Option<&Path>) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&rustls::version::TLS13])?;
    let builder = match authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in certificates(path)? {
                roots.add(authority)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn fingerprint(key: &CertifiedKey) -> Fingerprint {
    Fingerprint::of_der(key.cert.first().map(AsRef::as_ref).unwrap_or_default())
}

/// Makes a certificate for this machine's names and addresses; both files with mode 0600.
fn generate(files: &PemFiles, addresses: &[SocketAddr], now_ms: u64) -> Result<(), TlsError> {
    let mut params = CertificateParams::new(names(addresses))?;
    params.distinguished_name.push(DnType::CommonName, COMMON_NAME);
    let now = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
    let at = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    // A day before: clocks of clients may be behind.
    params.not_before = at(today.yesterday().unwrap_or(today));
    params.not_after = at(today.saturating_add(jiff::Span::new().years(LIFE_YEARS)));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate without its key would be an error at the next start, a key alone is one as well,
    // but it tells nobody to trust anything.
    files::write_atomic(&files.key, key.serialize_pem().as_bytes())?;
    files::write_atomic(&files.certificate, certificate.pem().as_bytes())?;
    info!("made a TLS certificate: {}", files.certificate.display());
    Ok(())
}

/// The names and addresses under which the gateway can be reached.
fn names(addresses: &[SocketAddr]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let host = gethostname::gethostname().to_string_lossy().to_ascii_lowercase();
    if !host.is_empty() && host.is_ascii() {
        names.push(host);
    }
    let everything = addresses.iter().any(|address| address.ip().is_unspecified());
    let interfaces = if everything { if_addrs::get_if_addrs().unwrap_or_default() } else { Vec::new() };
    let bound = addresses.iter().map(SocketAddr::ip).filter(|ip| !ip.is_unspecified());
    let all: Vec<IpAddr> = bound.chain(interfaces.into_iter().map(|interface| interface.ip())).collect();
    for name in all.iter().map(ToString::to_string) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_330_563_964;

    fn prepare(home: &Path, section: &TlsSection) -> Result<Certificate, TlsError> {
        super::prepare(&Paths::under(home), section, &["127.0.0.1:1".parse().unwrap()], NOW)
    }

    fn shown(certificate: &Certificate) -> Fingerprint {
        fingerprint(&certificate.shown().key)
    }

    #[test]
    fn a_certificate_is_made_once_and_used_again() {
        let home = tempfile::tempdir().unwrap();
        let first = prepare(home.path(), &TlsSection::default()).unwrap();
        let second = prepare(home.path(), &TlsSection::default()).unwrap();
        assert_eq!(shown(&first), shown(&second));
        assert_eq!(shown(&first).as_str().len(), 64);
    }

    #[cfg(unix)]
    #[test]
    fn sec_200_the_key_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        prepare(home.path(), &TlsSection::default()).unwrap();
        let key = Paths::under(home.path()).tls_dir().join("gateway-key.pem");
        assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_is_half_there_or_no_certificate_is_refused_and_kept() {
        let home = tempfile::tempdir().unwrap();
        prepare(home.path(), &TlsSection::default()).unwrap();
        let folder = Paths::under(home.path()).tls_dir();
        let (certificate, key) = (folder.join("gateway-cert.pem"), folder.join("gateway-key.pem"));
        std::fs::rename(&key, folder.join("moved")).unwrap();
        assert!(matches!(prepare(home.path(), &TlsSection::default()), Err(TlsError::Half { .. })));
        files::write_atomic(&key, b"nonsense").unwrap();
        assert!(matches!(prepare(home.path(), &TlsSection::default()), Err(TlsError::Pem { what: "private key", .. })));
        assert!(certificate.exists());
    }

    #[test]
    fn none_is_made_when_that_is_not_wanted() {
        let home = tempfile::tempdir().unwrap();
        let section = TlsSection { auto_generate: false, ..TlsSection::default() };
        assert!(matches!(prepare(home.path(), &section), Err(TlsError::Missing(_))));
        assert!(!Paths::under(home.path()).tls_dir().exists());
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let certificate = prepare(home.path(), &TlsSection::default()).unwrap();
        let renewed = shown(&prepare(other.path(), &TlsSection::default()).unwrap());
        let (from, to) = (Paths::under(other.path()).tls_dir(), Paths::under(home.path()).tls_dir());
        for name in ["gateway-key.pem", "gateway-cert.pem"] {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
            let later = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW);
            std::fs::File::options().write(true).open(to.join(name)).unwrap().set_modified(later).unwrap();
        }
        assert!(certificate.reload_if_changed().unwrap());
        assert!(!certificate.reload_if_changed().unwrap());
        assert_eq!(shown(&certificate), renewed);
        files::write_atomic(&to.join("gateway-cert.pem"), b"nonsense").unwrap();
        assert!(certificate.reload_if_changed().is_err());
        assert!(!certificate.reload_if_changed().unwrap(), "a broken file is told of once");
        assert_eq!(shown(&certificate), renewed);
    }

    #[test]
    fn without_tls_there_is_no_acceptor_and_with_it_there_is_one() {
        let home = tempfile::tempdir().unwrap();
        let mut gateway = GatewaySection::default();
        assert!(acceptor(&Paths::under(home.path()), &gateway, &[]).unwrap().is_none());
        gateway.tls.enabled = true;
        assert!(acceptor(&Paths::under(home.path()), &gateway, &[]).unwrap().is_some());
    }

    #[test]
    fn the_certificate_names_this_machine_and_what_it_listens_on() {
        let names = names(&["192.0.2.9:1".parse().unwrap(), "127.0.0.1:1".parse().unwrap()]);
        for name in ["localhost", "127.0.0.1", "::1", "192.0.2.9"] {
            assert_eq!(names.iter().filter(|known| *known == name).count(), 1, "{name} in {names:?}");
        }
    }
}
