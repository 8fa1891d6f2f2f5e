//! A request, and the rules for its headers.

use std::collections::BTreeSet;
use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::HttpError;

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
}

impl Method {
    /// The name, as it is sent.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    pub(super) const fn wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Head => reqwest::Method::HEAD,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }

    const fn has_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }
}

/// A request; it is checked when it is fetched.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    headers: Vec<(String, String)>,
    secrets: Vec<(String, Zeroizing<String>)>,
    pub(super) body: Option<Vec<u8>>,
}

impl Request {
    /// A request by `method`.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Vec::new(),
            secrets: Vec::new(),
            body: None,
        }
    }

    /// A GET request.
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self::new(Method::Get, url)
    }

    /// A POST request with a body.
    #[must_use]
    pub fn post(url: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self::new(Method::Post, url).body(body)
    }

    /// Adds a header that carries no credentials: one of a few, or one that
    /// [`HttpBuilder::allow_header`](super::HttpBuilder::allow_header) names.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Adds a header that carries a credential, `authorization` for one: never shown, and not
    /// sent on to another origin.
    #[must_use]
    pub fn secret_header(
        mut self,
        name: impl Into<String>,
        value: impl Into<Zeroizing<String>>,
    ) -> Self {
        self.secrets.push((name.into(), value.into()));
        self
    }

    /// Sets the body of a POST, PUT or PATCH request.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub(super) fn check_body(&self) -> Result<(), HttpError> {
        if self.body.is_some() && !self.method.has_body() {
            return Err(HttpError::Body {
                method: self.method.name(),
            });
        }
        Ok(())
    }

    /// The headers as they are sent. The error names the header that may not be sent.
    pub(super) fn header_map(&self, allowed: &BTreeSet<String>) -> Result<HeaderMap, HttpError> {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            let parsed = header_name(name)?;
            if !SAFE.contains(&parsed.as_str()) && !allowed.contains(parsed.as_str()) {
                return Err(HttpError::header(
                    name,
                    "is not among those a tool may send",
                ));
            }
            map.append(parsed, header_value(name, value)?);
        }
        for (name, value) in &self.secrets {
            let parsed = header_name(name)?;
            let mut value = header_value(name, value)?;
            value.set_sensitive(true);
            map.append(parsed, value);
        }
        Ok(map)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers)
            .field(
                "secrets",
                &self
                    .secrets
                    .iter()
                    .map(|(name, _)| name)
                    .collect::<Vec<_>>(),
            )
            .field("body", &self.body.as_ref().map(Vec::len))
            .finish()
    }
}

/// Headers that neither carry credentials nor say where a request goes or comes from.
const SAFE: [&str; 11] = [
    "accept",
    "accept-language",
    "cache-control",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "prefer",
    "range",
];

/// Headers that belong to the connection or to its framing; no caller may set them.
pub(super) const NEVER: [&str; 14] = [
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

fn header_name(name: &str) -> Result<HeaderName, HttpError> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| HttpError::header(name, "is not a header name"))?;
    if NEVER.contains(&parsed.as_str()) {
        return Err(HttpError::header(
            name,
            "is set by the door itself; leave it out",
        ));
    }
    Ok(parsed)
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, HttpError> {
    if value.len() > 8192 || !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
        return Err(HttpError::header(
            name,
            "its value is not up to 8192 printable ASCII characters",
        ));
    }
    HeaderValue::from_str(value).map_err(|_| HttpError::header(name, "its value cannot be sent"))
}
