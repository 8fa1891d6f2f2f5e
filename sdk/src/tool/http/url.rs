//! The one form of a URL that is accepted.

use reqwest::Url;

use super::HttpError;

/// Reads a URL that is already in the form in which it is sent; it is never repaired.
pub(super) fn parse_url(text: &str) -> Result<Url, HttpError> {
    let refused = |reason| Err(HttpError::url(text, reason));
    if text.len() > 8192 {
        return refused("is longer than 8192 bytes");
    }
    let Ok(url) = Url::parse(text) else {
        return refused("is not an absolute url; write `https://host/path`");
    };
    if !matches!(url.scheme(), "http" | "https") {
        return refused("has a scheme other than http and https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("has a user name or password; leave them out");
    }
    if url.fragment().is_some() {
        return refused("has a fragment, which is not sent; leave it out");
    }
    // An apostrophe in the query is sent as `%27`, which every reader of a query takes for the same.
    let sent = match text.split_once('?') {
        Some((before, query)) => format!("{before}?{}", query.replace('\'', "%27")),
        None => text.to_owned(),
    };
    if url.as_str() != sent {
        return refused(
            "is not in normal form; write host and scheme in lower case, IPv4 as four decimal \
             numbers, no default port, no dot segments, and a path",
        );
    }
    if url.port() == Some(0) {
        return refused("has port 0; nothing listens there");
    }
    match url.host_str() {
        None | Some("") => refused("has no host"),
        Some(host) if host.ends_with('.') => refused("its host ends in a dot; leave it out"),
        Some(_) => Ok(url),
    }
}
