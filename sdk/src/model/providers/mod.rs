//! Models of providers, by the two protocols that nearly all of them speak.

mod alike;
mod answer;
mod anthropic;
mod call;
mod failure;
mod fault;
mod json;
mod key;
mod members;
mod openai;
mod piece;
mod provider;
mod reading;
mod sendable;
mod sse;
mod stop;
mod usage;
mod web;

#[cfg(test)]
mod tests;

use std::fmt;

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;

pub use key::Key;
pub use provider::Provider;

use self::provider::Protocol;
use self::sendable::Sendable;
use super::{Completion, Delta, Model, ModelError, Request};

/// A model of a provider, or of a server that speaks as one.
///
/// Every answer is streamed unless [`ProviderModel::whole_answers`] says otherwise. The arguments of a call
/// are the text that the model wrote: malformed ones, or ones with a key twice, are refused by the gate. Where
/// a server sends them as an object, its JSON is the text. An answer that cannot be read without guessing is an error,
/// and so is an answer that passes a bound: 16 MiB of words and arguments, 1,024 calls, 8 MiB in one event,
/// 256 MiB in all.
///
/// Redirects are not followed, since a key would follow them, proxies of the environment are not
/// used, and TLS trusts Mozilla's roots. Nothing is retried and nothing is timed here: wrap it in
/// [`Timed`](super::Timed) and [`Retrying`](super::Retrying).
///
/// Values that a provider wants back with the results of calls, such as signed thoughts, are sent back as they
/// arrived ([`Carried`](super::Carried)).
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use bailiwick::model::providers::{Key, Provider, ProviderModel};
/// use bailiwick::model::{Backoff, Retrying, Timed};
///
/// let claude = ProviderModel::anthropic("claude-sonnet-4-5")?
///     .key(Key::from_env("ANTHROPIC_API_KEY")?);
/// let local = ProviderModel::openai("qwen")?.base_url("http://127.0.0.1:8080/v1")?;
/// let claude = Retrying::new(Timed::new(claude, Duration::from_secs(120)), Backoff::default());
/// # let _ = (claude, local);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ProviderModel {
    client: reqwest::Client,
    provider: Provider,
    name: String,
    base: String,
    key: Option<Key>,
    is_streamed: bool,
    members: Vec<(String, Value)>,
}

impl ProviderModel {
    /// The model of this name, where the provider itself serves it, without a key.
    ///
    /// # Errors
    ///
    /// When the name is empty, or no HTTP client can be made.
    pub fn new(provider: Provider, name: impl Into<String>) -> Result<Self, ModelError> {
        let name = name.into();
        if name.trim().is_empty() {
            return Err(ModelError::permanent(
                "the name of the model is empty; give the name that the provider has for it",
            ));
        }
        Ok(Self {
            client: web::client()?,
            provider,
            name,
            base: provider.home().to_owned(),
            key: None,
            is_streamed: true,
            members: Vec::new(),
        })
    }

    /// A model of OpenAI, or with [`ProviderModel::base_url`] of a server that speaks as OpenAI does.
    ///
    /// # Errors
    ///
    /// As [`ProviderModel::new`].
    pub fn openai(name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Provider::OpenAi, name)
    }

    /// A model of Anthropic, or with [`ProviderModel::base_url`] of a server that speaks as Anthropic does.
    ///
    /// # Errors
    ///
    /// As [`ProviderModel::new`].
    pub fn anthropic(name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Provider::Anthropic, name)
    }

    /// A model of Ollama on this machine.
    ///
    /// # Errors
    ///
    /// As [`ProviderModel::new`].
    pub fn ollama(name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Provider::Ollama, name)
    }

    /// A model of Google's Gemini.
    ///
    /// # Errors
    ///
    /// As [`ProviderModel::new`].
    pub fn gemini(name: impl Into<String>) -> Result<Self, ModelError> {
        Self::new(Provider::Gemini, name)
    }

    /// The same model at another server. The URL is what the provider's paths are added to, such as
    /// `http://127.0.0.1:8080/v1` for `/v1/chat/completions`.
    ///
    /// # Errors
    ///
    /// When it is not a URL of HTTP or HTTPS, or has a user, a password, a query or a fragment.
    pub fn base_url(mut self, url: &str) -> Result<Self, ModelError> {
        self.base = web::base(url)?;
        Ok(self)
    }

    /// The same model with a key, which is sent to its server and which no text shows.
    #[must_use]
    pub fn key(mut self, key: Key) -> Self {
        self.key = Some(key);
        self
    }

    /// The same model, asked for answers that come whole and not in pieces. Use it for servers that stream calls badly.
    #[must_use]
    pub const fn whole_answers(mut self) -> Self {
        self.is_streamed = false;
        self
    }

    /// The same model with a further member in each request, such as `reasoning_effort` or `thinking`.
    ///
    /// # Errors
    ///
    /// When the adapter itself writes the member: the model, the messages, the tools, or how the answer comes.
    pub fn with_member(
        mut self,
        name: impl Into<String>,
        value: Value,
    ) -> Result<Self, ModelError> {
        const OURS: [&str; 7] = [
            "model",
            "messages",
            "system",
            "tools",
            "stream",
            "stream_options",
            "n",
        ];
        let name = name.into();
        if OURS.contains(&name.as_str()) {
            return Err(ModelError::permanent(format!(
                "the member `{name}` of a request is written by the adapter; set it through the request or the model"
            )));
        }
        self.members.push((name, value));
        Ok(self)
    }

    /// The request as it is sent, and the names in it.
    fn body(&self, request: &Request) -> Result<(String, Sendable), ModelError> {
        let names = Sendable::of(request);
        let mut body = members::Members::one("model", &self.name)?;
        body.extend(match self.provider.protocol() {
            Protocol::OpenAi => {
                // OpenAI's newer models refuse the older name, and other servers do not know the newer one.
                let is_home =
                    self.provider == Provider::OpenAi && self.base == self.provider.home();
                let max = if is_home {
                    "max_completion_tokens"
                } else {
                    "max_tokens"
                };
                openai::body(request, &names, max, self.is_streamed)?
            }
            Protocol::Anthropic => anthropic::body(request, &names, self.is_streamed)?,
        });
        for (name, value) in &self.members {
            body.put(name, value)?;
        }
        Ok((body.to_raw()?.get().to_owned(), names))
    }

    async fn ask(
        &self,
        request: &Request,
        secret: &str,
        delta: Delta<'_>,
    ) -> Result<Completion, ModelError> {
        let (body, names) = self.body(request)?;
        let protocol = self.provider.protocol();
        let (path, header, value) = match protocol {
            Protocol::OpenAi => (
                "chat/completions",
                AUTHORIZATION,
                format!("Bearer {secret}"),
            ),
            Protocol::Anthropic => (
                "messages",
                HeaderName::from_static("x-api-key"),
                secret.to_owned(),
            ),
        };
        let mut asked = self
            .client
            .post(format!("{}{path}", self.base))
            .header(CONTENT_TYPE, "application/json");
        if protocol == Protocol::Anthropic {
            asked = asked.header("anthropic-version", "2023-06-01");
        }
        if !secret.is_empty() {
            let mut value = HeaderValue::try_from(value).map_err(|_| {
                ModelError::permanent(
                    "the key has a character that an HTTP header cannot hold; check the file or variable that it was read from",
                )
            })?;
            value.set_sensitive(true);
            asked = asked.header(header, value);
        }
        let response = asked
            .body(body)
            .send()
            .await
            .map_err(|error| failure::unanswered(&error, secret))?;
        let mut completion = reading::read(response, protocol, secret, delta).await?;
        for call in &mut completion.calls {
            call.name = names.meant(request, &call.name).to_owned();
        }
        Ok(completion)
    }
}

/// The completion of a stream of OpenAI's protocol that arrives in pieces of this many bytes.
pub(crate) fn read_stream(body: &[u8], piece: usize) -> Result<Completion, ModelError> {
    let mut reading = reading::Reading::new(Protocol::OpenAi, "");
    for piece in body.chunks(piece.max(1)) {
        if !reading.push(piece, &mut |_| {})? {
            break;
        }
    }
    reading.end(&mut |_| {})
}

#[async_trait]
impl Model for ProviderModel {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        self.stream(request, &mut |_| {}).await
    }

    async fn stream(&self, request: &Request, delta: Delta<'_>) -> Result<Completion, ModelError> {
        let key = self.key.as_ref().map(Key::read).transpose()?;
        let secret = key.as_ref().map_or("", |key| key.as_str());
        let answer = self.ask(request, secret, delta).await;
        answer.map_err(|error| error.without(secret))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for ProviderModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderModel")
            .field("provider", &self.provider)
            .field("name", &self.name)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}
