//! The HTTP client and its addresses.

use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

use crate::model::ModelError;

/// A client that trusts Mozilla's roots and goes nowhere but where it is sent.
pub(super) fn client() -> Result<Client, ModelError> {
    let failed = |error: &dyn std::fmt::Display| {
        ModelError::permanent(format!("no HTTP client can be made: {error}"))
    };
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Client::builder()
        .tls_backend_preconfigured(tls)
        // The headers of some providers' keys are ones that reqwest would take along.
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        // What other crates of the program switch on in reqwest is switched off by name: a bound holds for
        // what is decoded, and a small body may be a large answer.
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .referer(false)
        .build()
        .map_err(|error| failed(&error))
}

/// `url` as the paths of a provider are added to it: with a slash at its end.
pub(super) fn base(url: &str) -> Result<String, ModelError> {
    // What is wrong is not quoted: there may be a password in it.
    let wrong = |what: &str| ModelError::permanent(format!("the base URL {what}"));
    let parsed = Url::parse(url).map_err(|_| wrong("is not a valid URL"))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(wrong("does not begin with http:// or https://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(wrong("has a user or a password; give a key instead"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    let mut base = parsed.to_string();
    if !base.ends_with('/') {
        base.push('/');
    }
    Ok(base)
}
