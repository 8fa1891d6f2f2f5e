//! A provider's key.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::model::ModelError;

type Ask = dyn Fn() -> Result<String, ModelError> + Send + Sync;

/// A provider's key: held, or asked for with each request. No text shows it.
///
/// The copies that the HTTP client makes of it are not wiped.
#[derive(Clone)]
pub struct Key(Source);

#[derive(Clone)]
enum Source {
    Held(Arc<Zeroizing<String>>),
    Asked(Arc<Ask>),
}

impl Key {
    /// A key that is this text.
    pub fn new(secret: impl Into<String>) -> Self {
        let secret = Zeroizing::new(secret.into());
        Self(Source::Held(Arc::new(Zeroizing::new(
            secret.trim().to_owned(),
        ))))
    }

    /// The key that the environment variable `name` holds now.
    ///
    /// # Errors
    ///
    /// When there is no such variable, or its value is empty or is not valid Unicode.
    pub fn from_env(name: &str) -> Result<Self, ModelError> {
        match std::env::var(name) {
            Ok(secret) if !secret.trim().is_empty() => Ok(Self::new(secret)),
            _ => Err(ModelError::permanent(format!(
                "the environment variable `{name}` holds no key"
            ))),
        }
    }

    /// The key that `ask` gives for each request, for example from a store of secrets.
    pub fn from_fn(ask: impl Fn() -> Result<String, ModelError> + Send + Sync + 'static) -> Self {
        Self(Source::Asked(Arc::new(ask)))
    }

    pub(super) fn read(&self) -> Result<Zeroizing<String>, ModelError> {
        match &self.0 {
            Source::Held(secret) => Ok((**secret).clone()),
            Source::Asked(ask) => {
                let secret = Zeroizing::new(ask()?);
                Ok(Zeroizing::new(secret.trim().to_owned()))
            }
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([masked])")
    }
}
