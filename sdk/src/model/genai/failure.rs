//! Why there is no completion, without the key.

use std::time::Duration;

use ::genai::{Error, webc};
use reqwest::header::HeaderMap;

use crate::model::ModelError;

/// What went wrong, with `secret` masked: providers quote keys in what they answer.
pub(super) fn failure(error: &Error, secret: &str) -> ModelError {
    match error {
        Error::HttpError {
            status,
            body,
            headers,
            ..
        } => answered(status.as_u16(), body, headers, secret),
        Error::WebModelCall { webc_error, .. } | Error::WebAdapterCall { webc_error, .. } => {
            match webc_error {
                webc::Error::ResponseFailedStatus {
                    status,
                    body,
                    headers,
                } => answered(status.as_u16(), body, headers, secret),
                other => transient(&other.to_string(), secret),
            }
        }
        Error::WebStream { error, cause, .. } => match error.downcast_ref::<Error>() {
            Some(inner) => failure(inner, secret),
            None => transient(&with_sources(error.as_ref(), cause), secret),
        },
        // The request was taken; what broke after that is the provider's.
        Error::ChatResponse { body, .. } => transient(&body.to_string(), secret),
        Error::StreamParse { serde_error, .. } => {
            transient(&format!("the answer cannot be read: {serde_error}"), secret)
        }
        other => ModelError::permanent(masked(&other.to_string(), secret)),
    }
}

fn answered(status: u16, body: &str, headers: &HeaderMap, secret: &str) -> ModelError {
    let text = masked(&format!("status {status}: {body}"), secret);
    let passes = matches!(status, 408 | 409 | 425 | 429) || status >= 500;
    if !passes {
        return ModelError::permanent(text);
    }
    let error = ModelError::transient(text);
    match wait(headers) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// What `retry-after` asks for. As a date it is not read: there is no clock here.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| -> Option<u64> {
        let value = headers.get(name)?.to_str().ok()?;
        value.trim().parse().ok()
    };
    number("retry-after-ms")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs))
}

fn transient(text: &str, secret: &str) -> ModelError {
    ModelError::transient(masked(text, secret))
}

/// Masked before anything is cut: half a key at the edge would not be found any more.
fn masked(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    text.replace(secret, "[masked]")
}

/// `connection refused` is in the last source only.
fn with_sources(error: &(dyn std::error::Error + 'static), cause: &str) -> String {
    let mut text = cause.to_owned();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
