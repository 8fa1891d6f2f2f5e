//! Which model the agents think with: a script, or one of a provider.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bailiwick::agent::Limits;
use bailiwick::model::{Completion, Model, ModelError, Request, ScriptedModel};

use crate::args::Args;

/// A model that is given to agents, and shared by them.
pub type Shared = Arc<dyn Model>;

/// The limits of runs that a real model may make long; a script reaches neither.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        max_turns: 12,
        max_output_tokens: Some(2_000),
        ..Limits::default()
    }
}

/// The choice between the scripts and one real model for all agents.
#[derive(Clone)]
pub struct Models {
    real: Option<Shared>,
    pace: Duration,
}

impl Models {
    /// As the arguments say.
    ///
    /// # Errors
    ///
    /// When they name a model that cannot exist, or this build has no providers.
    pub fn choose(args: &Args) -> Result<Self, Box<dyn Error>> {
        let real = args.model.as_ref().map(|name| real(name, args)).transpose();
        Ok(Self {
            real: real?,
            pace: args.pace,
        })
    }

    /// Whether the agents follow scripts: then it is known what they do.
    #[must_use]
    pub fn are_scripted(&self) -> bool {
        self.real.is_none()
    }

    /// The real model if one was asked for, or else this script.
    #[must_use]
    pub fn or(&self, script: ScriptedModel) -> Shared {
        match &self.real {
            Some(real) => real.clone(),
            None => Arc::new(Paced {
                script,
                pace: self.pace,
            }),
        }
    }
}

/// A script that waits before each turn, so that a person can watch.
struct Paced {
    script: ScriptedModel,
    pace: Duration,
}

#[async_trait]
impl Model for Paced {
    async fn generate(&self, request: &Request) -> Result<Completion, ModelError> {
        if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
        self.script.generate(request).await
    }

    fn name(&self) -> &str {
        self.script.name()
    }
}

#[cfg(not(feature = "providers"))]
fn real(name: &str, _: &Args) -> Result<Shared, Box<dyn Error>> {
    let shown = bailiwick::text::printable(name);
    let how = "cargo run -p bailiwick-examples --features providers --bin …";
    Err(
        format!("this build cannot ask `{shown}`: build it with the feature providers, {how}")
            .into(),
    )
}

#[cfg(feature = "providers")]
fn real(name: &str, args: &Args) -> Result<Shared, Box<dyn Error>> {
    use bailiwick::model::providers::{Key, ProviderModel};
    use bailiwick::model::{Backoff, Fenced, Retrying, Timed};

    let (provider, name, usual) = provider(name, args.base_url.is_some())?;
    let mut model = ProviderModel::new(provider, name)?;
    // The key of a provider goes to no other server unless that is asked for.
    let mut key = usual.filter(|_| args.base_url.is_none());
    if let Some(url) = &args.base_url {
        model = model.base_url(url)?;
    }
    if let Some(named) = &args.key_env {
        key = Some(named);
    }
    if let Some(variable) = key {
        model = model.key(Key::from_env(variable)?);
    }
    let model = Retrying::new(
        Timed::new(model, Duration::from_secs(300)),
        Backoff::default(),
    );
    Ok(if args.fenced {
        Arc::new(Fenced::new(model).with_schema(4))
    } else {
        Arc::new(model)
    })
}

/// The provider that a name begins with, the name at it, and where its key usually is.
#[cfg(feature = "providers")]
fn provider(
    name: &str,
    elsewhere: bool,
) -> Result<
    (
        bailiwick::model::providers::Provider,
        &str,
        Option<&'static str>,
    ),
    String,
> {
    use bailiwick::model::providers::Provider;

    match name.split_once(':') {
        Some(("openai", name)) => Ok((Provider::OpenAi, name, Some("OPENAI_API_KEY"))),
        Some(("anthropic", name)) => Ok((Provider::Anthropic, name, Some("ANTHROPIC_API_KEY"))),
        Some(("gemini", name)) => Ok((Provider::Gemini, name, Some("GEMINI_API_KEY"))),
        Some(("ollama", name)) => Ok((Provider::Ollama, name, None)),
        // Most servers that one runs oneself speak as OpenAI does.
        _ if elsewhere => Ok((Provider::OpenAi, name, None)),
        _ => Err(format!(
            "which provider has `{}`? Say openai:…, anthropic:…, ollama:… or gemini:…",
            bailiwick::text::printable(name)
        )),
    }
}

#[cfg(all(test, feature = "providers"))]
mod tests {
    use bailiwick::model::providers::Provider;

    use super::provider;

    #[test]
    fn the_provider_is_said_and_not_guessed() {
        let openai = provider("openai:some/name", false).unwrap();
        assert_eq!(
            openai,
            (Provider::OpenAi, "some/name", Some("OPENAI_API_KEY"))
        );
        // Ollama's own names have a colon.
        let ollama = provider("ollama:small:7b", false).unwrap();
        assert_eq!(ollama, (Provider::Ollama, "small:7b", None));
        assert!(provider("small:7b", false).is_err());
        assert!(provider("some-name", false).is_err());
        assert_eq!(
            provider("small:7b", true).unwrap(),
            (Provider::OpenAi, "small:7b", None)
        );
    }
}
