//! Providers, and the protocols that they speak.

/// Which provider a server is, or speaks as. It is always named, and never guessed from a model's name.
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

/// What is spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    OpenAi,
    Anthropic,
}

impl Provider {
    /// What is spoken with it.
    pub(super) const fn protocol(self) -> Protocol {
        match self {
            Self::Anthropic => Protocol::Anthropic,
            Self::OpenAi | Self::Ollama | Self::Gemini => Protocol::OpenAi,
        }
    }

    /// Where the provider itself serves; Ollama on this machine.
    pub(super) const fn home(self) -> &'static str {
        match self {
            Self::OpenAi => "https://api.openai.com/v1/",
            Self::Anthropic => "https://api.anthropic.com/v1/",
            Self::Ollama => "http://localhost:11434/v1/",
            Self::Gemini => "https://generativelanguage.googleapis.com/v1beta/openai/",
        }
    }
}
