//! Models of many providers, through the crate [`genai`](https://docs.rs/genai).

mod answer;
mod failure;
mod key;
mod quiet;
mod request;
mod web;

#[cfg(test)]
mod tests;

use std::fmt;

use ::genai::adapter::AdapterKind;
use ::genai::resolver::{AuthData, Endpoint};
use ::genai::{Client, ModelIden, ServiceTarget};
use async_trait::async_trait;

pub use key::Key;

use super::{Completion, Delta, Model, ModelError, Request};

/// Which protocol a server speaks. It is always named, and never guessed from a model's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI's chat completions, which many servers speak.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama's own protocol.
    Ollama,
    /// Google's Gemini.
    Gemini,
}

impl Provider {
    const fn adapter(self) -> AdapterKind {
        match self {
            Self::OpenAi => AdapterKind::OpenAI,
            Self::Anthropic => AdapterKind::Anthropic,
            Self::Ollama => AdapterKind::Ollama,
            Self::Gemini => AdapterKind::Gemini,
        }
    }

    /// Where the provider itself serves; Ollama on this machine.
    const fn home(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Ollama => "http://localhost:11434/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/",
        }
    }
}

/// A model of a provider, or of a server that speaks as one.
///
/// Every answer is streamed, whether or not somebody listens: there is one path. So the arguments
/// of a call arrive as the text that the model wrote from OpenAI's and Anthropic's protocols, and
/// malformed ones, or ones with a key twice, are refused by the gate. Ollama and Gemini send them as
/// JSON that `genai` has parsed: **a key that is there twice is lost there**, the last one wins, and
/// what the gate reads, checks and runs is that.
///
/// Redirects are not followed, since a key would follow them, proxies of the environment are not
/// used, and TLS trusts Mozilla's roots. Nothing is retried and nothing is timed here: wrap it in
/// [`Timed`](super::Timed) and [`Retrying`](super::Retrying).
///
/// Not carried over: what a model thought before it answered, so models that want their signed
/// thoughts back with the results of calls do not work with tools. `genai` reads an ending such as
/// `-low` or `-high` of a model's name as the effort to ask for.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bailiwick::model::genai::{GenaiModel, Key, Provider};
/// use bailiwick::model::{Backoff, Retrying, Timed};
///
/// let claude = GenaiModel::new(Provider::Anthropic, "claude-sonnet-4-5")?
///     .key(Key::from_env("ANTHROPIC_API_KEY")?);
/// let local = GenaiModel::new(Provider::OpenAi, "qwen")?.base_url("http://127.0.0.1:8080/v1")?;
/// let claude = Retrying::new(Timed::new(claude, Duration::from_secs(120)), Backoff::default());
/// # let _ = (claude, local);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct GenaiModel {
    client: Client,
    provider: Provider,
    name: String,
    base: String,
    key: Option<Key>,
}

impl GenaiModel {
    /// The model of this name, where the provider itself serves it, without a key.
    ///
    /// # Errors
    ///
    /// When the name has `::`, which `genai` would read as the name of another provider, or when no
    /// HTTP client can be made.
    pub fn new(provider: Provider, name: impl Into<String>) -> Result<Self, ModelError> {
        let name = name.into();
        if name.is_empty() || name.contains("::") {
            return Err(ModelError::permanent(format!(
                "`{name}` is no name of a model: it is empty or has `::`"
            )));
        }
        Ok(Self {
            client: web::client()?,
            provider,
            name,
            base: provider.home().to_owned(),
            key: None,
        })
    }

    /// The same model at another server. The URL is what the provider's paths are added to, such as
    /// `http://127.0.0.1:8080/v1` for `/v1/chat/completions`.
    ///
    /// # Errors
    ///
    /// When it is no URL of HTTP or HTTPS, or has a user, a password, a query or a fragment.
    pub fn base_url(mut self, url: &str) -> Result<Self, ModelError> {
        self.base = web::base(url)?;
        Ok(self)
    }

    /// The same model with a key, which is sent to its server and shown nowhere.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }
}

#[async_trait]
impl Model for GenaiModel {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        self.stream(request, &mut |_| {}).await
    }

    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        let key = self.key.as_ref().map(Key::read).transpose()?;
        let secret = key.as_ref().map_or("", |key| key.as_str());
        // Servers that want no key take any.
        let sent = if secret.is_empty() { "none" } else { secret };
        let target = ServiceTarget {
            endpoint: Endpoint::from_owned(self.base.as_str()),
            auth: AuthData::from_single(sent),
            model: ModelIden::new(self.provider.adapter(), self.name.as_str()),
        };
        let (chat, options) = (request::chat(request), request::options(request));
        let asked = self.client.exec_chat_stream(target, chat, Some(&options));
        let answer = quiet::quiet(asked)
            .await
            .map_err(|error| failure::failure(&error, secret))?;
        answer::gather(answer.stream, delta, secret).await
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for GenaiModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenaiModel")
            .field("provider", &self.provider)
            .field("name", &self.name)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
