//! TLS with rustls, following libpq's `sslmode` and `sslrootcert`.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres::config::{SslMode as TlsAttempt, SslNegotiation};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::database_url::settings::{ConnectionSettings, SslMode, SslRoots};

/// Why the certificates to trust cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RootsError {
    #[error("no certificates to trust are given")]
    NotGiven,
    #[error("failed to read {}: {reason}", file.display())]
    File { file: PathBuf, reason: String },
    #[error("the operating system has no certificates to trust: {0}")]
    System(String),
}

/// Returns the attempts to connect to one server, in their order. A socket has no TLS.
pub(super) fn attempts(mode: SslMode, is_socket: bool) -> &'static [TlsAttempt] {
    if is_socket {
        return &[TlsAttempt::Disable];
    }
    match mode {
        SslMode::Disable => &[TlsAttempt::Disable],
        SslMode::Allow => &[TlsAttempt::Disable, TlsAttempt::Require],
        SslMode::Prefer => &[TlsAttempt::Prefer, TlsAttempt::Disable],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[TlsAttempt::Require],
    }
}

/// How a server's certificate is verified.
enum Trust {
    /// It is not verified.
    Anyone,
    /// Its chain is verified, and its host name if `name` is set.
    Roots {
        roots: Vec<CertificateDer<'static>>,
        name: bool,
    },
}

/// Returns the TLS connector for `settings`.
pub(super) fn connector(settings: &ConnectionSettings) -> Result<MakeRustlsConnect, RootsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Verifier::new(trust(settings)?, &provider)?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the default protocol versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    if settings.ssl_negotiation == SslNegotiation::Direct {
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

fn trust(settings: &ConnectionSettings) -> Result<Trust, RootsError> {
    let name = settings.ssl_mode == SslMode::VerifyFull;
    if settings.ssl_mode < SslMode::Require {
        return Ok(Trust::Anyone);
    }
    match &settings.ssl_roots {
        SslRoots::System => Ok(Trust::Roots {
            roots: system_roots()?,
            name,
        }),
        SslRoots::File(file) => Ok(Trust::Roots {
            roots: file_roots(file.clone())?,
            name,
        }),
        SslRoots::Default(Some(file)) if file.exists() => Ok(Trust::Roots {
            roots: file_roots(file.clone())?,
            name,
        }),
        SslRoots::Default(_) if settings.ssl_mode == SslMode::Require => Ok(Trust::Anyone),
        SslRoots::Default(_) => Err(RootsError::NotGiven),
    }
}

fn file_roots(file: PathBuf) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let certificates =
        CertificateDer::pem_file_iter(&file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(RootsError::File {
            file,
            reason: "it has no PEM certificate".to_owned(),
        }),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(RootsError::File {
            file,
            reason: error.to_string(),
        }),
    }
}

fn system_roots() -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(RootsError::System(reasons.join("; ")));
    }
    Ok(found.certs)
}

/// Verifies a server's certificate as `sslmode` requires.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// `None` disables verification.
    chain: Option<Arc<WebPkiServerVerifier>>,
    roots: Vec<CertificateDer<'static>>,
    name: bool,
}

impl Verifier {
    fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Result<Self, RootsError> {
        let provider = Arc::clone(provider);
        let Trust::Roots { roots, name } = trust else {
            return Ok(Self {
                provider,
                chain: None,
                roots: Vec::new(),
                name: false,
            });
        };
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let chain =
            WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&provider))
                .build()
                .map_err(|error| RootsError::System(error.to_string()))?;
        Ok(Self {
            provider,
            chain: Some(chain),
            roots,
            name,
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        // The user trusts a self-signed certificate by naming it. webpki would reject it, because OpenSSL marks such a
        // certificate as an authority's.
        if self.roots.iter().any(|root| root == certificate) {
            if self.name {
                rustls::client::verify_server_name(
                    &ParsedCertificate::try_from(certificate)?,
                    name,
                )?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chain.verify_server_cert(certificate, intermediates, name, ocsp_response, now) {
            // The name is verified last, so the chain is valid.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.name => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.chain.is_none() {
            return Ok(HandshakeSignatureValid::assertion());
        }
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
