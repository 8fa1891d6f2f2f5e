//! The target of a redirect, and what is sent to it.

use reqwest::header::{
    CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderValue, IF_MATCH, IF_UNMODIFIED_SINCE,
};
use reqwest::{StatusCode, Url};

use super::url::parse_url;
use super::{HttpError, Method};

/// One request on the way from the first URL to the answer.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) method: Method,
    /// The URL as it was asked for, which is vetted.
    pub(super) asked: String,
    /// The same as it is sent.
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Vec<u8>>,
}

impl Hop {
    /// The hop that an answer asks for, `None` if the answer is final.
    ///
    /// The target is not vetted here; it is a new request like the first.
    pub(super) fn next(
        self,
        status: StatusCode,
        location: Option<&HeaderValue>,
    ) -> Result<Option<Self>, HttpError> {
        let method = match (status.as_u16(), self.method) {
            (301 | 302, Method::Post) => Method::Get,
            (303, method) if method != Method::Head => Method::Get,
            (301 | 302 | 303 | 307 | 308, method) => method,
            _ => return Ok(None),
        };
        let Some(location) = location else {
            return Ok(None);
        };
        let refused = |reason| HttpError::Redirect {
            from: self.url.to_string(),
            reason,
        };

        let location = location
            .to_str()
            .map_err(|_| refused("its target is not ASCII"))?;
        let mut url = self
            .url
            .join(location)
            .map_err(|_| refused("its target is not a url"))?;
        url.set_fragment(None);
        let url = parse_url(url.as_str())?;
        if self.url.scheme() == "https" && url.scheme() != "https" {
            return Err(refused("it leads from https to http"));
        }

        let Self {
            url: from,
            mut headers,
            body,
            method: before,
            asked: _,
        } = self;
        let body = if method == before { body } else { None };
        if url.origin() != from.origin() {
            if body.is_some() {
                let reason = "it would carry the body to another origin";
                return Err(HttpError::Redirect {
                    from: from.to_string(),
                    reason,
                });
            }
            headers.clear();
        }
        if method != before {
            for stale in [
                CONTENT_TYPE,
                CONTENT_LANGUAGE,
                IF_MATCH,
                IF_UNMODIFIED_SINCE,
            ] {
                headers.remove(stale);
            }
        }
        Ok(Some(Self {
            method,
            asked: url.to_string(),
            url,
            headers,
            body,
        }))
    }
}
