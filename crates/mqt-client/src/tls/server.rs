//! The server's side of TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use tokio_rustls::TlsAcceptor;

use super::key::read_identity;
use super::pem::Roots;
use crate::error::SetupError;
use crate::listen::ServerTls;
use crate::transport::SetupWarning;

/// Reads all files.
pub(crate) fn acceptor(
    options: &ServerTls,
    warnings: &mut Vec<SetupWarning>,
) -> Result<TlsAcceptor, SetupError> {
    let failed = |error: rustls::Error| SetupError::Tls(error.to_string());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let identity = read_identity(&options.cert, &options.key, None, &provider, warnings)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match &options.client_ca {
        Some(path) => {
            let mut roots = Roots::new();
            roots.add_file(path)?;
            let roots = Arc::new(roots.into_store().map_err(failed)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| SetupError::Tls(error.to_string()))?)
        }
        None => builder.with_no_client_auth(),
    };
    let config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    Ok(TlsAcceptor::from(Arc::new(config)))
}
