//! Why a request was not made, or its answer not taken.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::AddressClass;

/// A refusal or failure of the door to the network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The door itself cannot be set up.
    #[error("the http door cannot be set up: {reason}")]
    Setup {
        /// What is wrong.
        reason: String,
    },
    /// The URL is not one that may be sent as it stands.
    #[error("url `{}`: {reason}", crate::text::printable(url))]
    Url {
        /// The URL, cut if it is long.
        url: String,
        /// The rule that it breaks, and what to write instead.
        reason: &'static str,
    },
    /// The URL was not granted.
    #[error("`{url}` may not be requested: {reason}")]
    Refused {
        /// The URL, or the target of a redirect.
        url: String,
        /// What the check said.
        reason: String,
    },
    /// The host resolves to an address that is not public and was not granted by address.
    ///
    /// The text keeps the address itself from the model.
    #[error(
        "`{host}` resolves to a {class} address, which was not granted by address; use a public \
         host"
    )]
    Address {
        /// The host of the URL.
        host: String,
        /// The address.
        address: IpAddr,
        /// Its class.
        class: AddressClass,
    },
    /// The host does not resolve.
    #[error("`{host}` cannot be resolved: {source}; check its spelling")]
    Resolve {
        /// The host of the URL.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// A header may not be sent.
    #[error("header `{}`: {reason}", crate::text::printable(name))]
    Header {
        /// The header's name, cut if it is long.
        name: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A request by a method that has no body carries one.
    #[error("a {method} request has no body; use POST, PUT or PATCH")]
    Body {
        /// The method.
        method: &'static str,
    },
    /// A redirect that is not followed.
    #[error("`{from}` redirects, which is not followed: {reason}")]
    Redirect {
        /// The URL that redirects.
        from: String,
        /// Why it is not followed.
        reason: &'static str,
    },
    /// More redirects than allowed.
    #[error("more than {max} redirects, the last to `{url}`; request the final url")]
    TooManyRedirects {
        /// The target of the last one.
        url: String,
        /// The limit.
        max: usize,
    },
    /// More bytes than an answer may have.
    #[error("the {part} of `{url}` is larger than {max} bytes; request something smaller")]
    TooLarge {
        /// The URL.
        url: String,
        /// `head` or `body`.
        part: &'static str,
        /// The limit.
        max: usize,
    },
    /// The whole exchange took too long.
    #[error(
        "{method} `{url}` took longer than {limit:?}, redirects included{}",
        unsafe_effect(method)
    )]
    Timeout {
        /// The method of the first request.
        method: &'static str,
        /// The first URL.
        url: String,
        /// The limit.
        limit: Duration,
    },
    /// The body is not UTF-8.
    #[error("the body of `{url}` is not UTF-8 text; read it as bytes")]
    NotText {
        /// The URL.
        url: String,
    },
    /// The connection failed.
    #[error("`{url}` cannot be fetched: {}", root_cause(source.as_ref()))]
    Transport {
        /// The URL.
        url: String,
        /// What failed, with its causes.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl HttpError {
    pub(super) fn url(url: &str, reason: &'static str) -> Self {
        Self::Url {
            url: url.chars().take(256).collect(),
            reason,
        }
    }

    pub(super) fn header(name: &str, reason: &'static str) -> Self {
        Self::Header {
            name: name.chars().take(64).collect(),
            reason,
        }
    }

    pub(super) fn transport(url: &reqwest::Url, source: reqwest::Error) -> Self {
        Self::Transport {
            url: url.to_string(),
            source: Box::new(source.without_url()),
        }
    }
}

/// What is said of a request that may have been carried out though no answer came.
fn unsafe_effect(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "",
        _ => "; it may have had its effect, so find out before you make it again",
    }
}

/// The outer errors only say that sending failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
