//! Providers, and the protocols that they speak.

/// The provider that a server is, or whose protocol it speaks. It is always named, and never guessed from a
/// model's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Provider {
    /// OpenAI's chat completions, which most servers speak.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama, through its endpoint that speaks as OpenAI does.
    Ollama,
    /// Google's Gemini, through its endpoint that speaks as OpenAI does.
    Gemini,
}

/// The protocol that a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    OpenAi,
    Anthropic,
}

impl Provider {
    /// The protocol that it speaks.
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::Anthropic => Protocol::Anthropic,
            Self::OpenAi | Self::Ollama | Self::Gemini => Protocol::OpenAi,
        }
    }

    /// The base URL of the provider itself; for Ollama, of a server on this machine.
    pub(super) const fn home(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Ollama => "http://localhost:11434/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/openai/",
        }
    }
}
