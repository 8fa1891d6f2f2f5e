//! The handle and its limits.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use super::request::NEVER;
use super::{HttpError, Resolve, SystemResolver};

/// A tool's handle on the network; cheap to clone.
#[derive(Clone)]
pub struct Http {
    pub(super) limits: Arc<HttpBuilder>,
    pub(super) tls: ClientConfig,
}

impl Http {
    /// A handle with the usual limits, to be changed before it is built.
    #[must_use]
    pub fn builder() -> HttpBuilder {
        HttpBuilder {
            max_bytes: 2 << 20,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            max_redirects: 5,
            user_agent: concat!("bailiwick/", env!("CARGO_PKG_VERSION")).to_owned(),
            allowed: BTreeSet::new(),
            roots: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Http").field(&self.limits).finish()
    }
}

/// The limits of an [`Http`] handle.
#[derive(Clone)]
pub struct HttpBuilder {
    pub(super) max_bytes: usize,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) max_redirects: usize,
    pub(super) user_agent: String,
    pub(super) allowed: BTreeSet<String>,
    pub(super) resolver: Arc<dyn Resolve>,
    roots: Vec<Vec<u8>>,
}

impl HttpBuilder {
    /// Sets how large a body may be; 2 MiB unless set.
    #[must_use]
    pub const fn max_bytes(mut self, max: usize) -> Self {
        self.max_bytes = max;
        self
    }

    /// Sets how long all of a fetch may take, look-ups and redirects included; 30 s unless set.
    #[must_use]
    pub const fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// Sets how long connecting may take; 10 s unless set.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets how many redirects are followed; 5 unless set.
    #[must_use]
    pub const fn max_redirects(mut self, max: usize) -> Self {
        self.max_redirects = max;
        self
    }

    /// Sets the `user-agent` that is sent.
    #[must_use]
    pub fn user_agent(mut self, agent: impl Into<String>) -> Self {
        self.user_agent = agent.into();
        self
    }

    /// Lets tools send a header of that name, which carries no credentials.
    #[must_use]
    pub fn allow_header(mut self, name: &str) -> Self {
        self.allowed.insert(name.to_ascii_lowercase());
        self
    }

    /// Trusts a certificate authority, given as DER, besides Mozilla's.
    #[must_use]
    pub fn also_trust(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.roots.push(der.into());
        self
    }

    /// Resolves names with this resolver and not with the operating system's.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve + 'static) -> Self {
        self.resolver = Arc::new(resolver);
        self
    }

    /// The handle.
    ///
    /// # Errors
    ///
    /// [`HttpError::Setup`] if a certificate, header name or user agent is not valid.
    pub fn build(self) -> Result<Http, HttpError> {
        let refused = |reason: String| HttpError::Setup { reason };
        if reqwest::header::HeaderValue::from_str(&self.user_agent).is_err() {
            return Err(refused(
                "the user agent has characters that cannot be sent".to_owned(),
            ));
        }
        if let Some(name) = self
            .allowed
            .iter()
            .find(|name| NEVER.contains(&name.as_str()))
        {
            return Err(refused(format!(
                "header `{name}` is set by the door itself"
            )));
        }
        let mut roots = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        for der in &self.roots {
            roots
                .add(CertificateDer::from(der.as_slice()))
                .map_err(|e| refused(format!("a root certificate cannot be read: {e}")))?;
        }
        // The provider is named: another crate of the program may have installed its own.
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|e| refused(e.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Http {
            limits: Arc::new(self),
            tls,
        })
    }
}

impl fmt::Debug for HttpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpBuilder")
            .field("max_bytes", &self.max_bytes)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_redirects", &self.max_redirects)
            .field("user_agent", &self.user_agent)
            .field("allowed", &self.allowed)
            .finish_non_exhaustive()
    }
}
