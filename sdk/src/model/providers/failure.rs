//! Why there is no completion, without the key.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::answer::Answer;
use super::json::{Raw, text};
use crate::model::ModelError;

/// The kinds of error that a provider tells of, and that may pass.
const PASSING: [&str; 8] = [
    "overloaded",
    "rate_limit",
    "timeout",
    "api_error",
    "server_error",
    "internal",
    "unavailable",
    "too_many",
];
/// The kinds that a provider tells of before the model has worked.
const REFUSING: [&str; 8] = [
    "overloaded",
    "rate_limit",
    "too_many",
    "invalid",
    "authentication",
    "permission",
    "not_found",
    "billing",
];

/// The error for an answer of the server whose status is not a success.
pub(super) fn answered(status: u16, body: &str, headers: &HeaderMap, secret: &str) -> ModelError {
    let text = masked(&format!("status {status}: {body}"), secret);
    let passes = matches!(status, 408 | 409 | 425 | 429 | 499) || status >= 500;
    if !passes {
        return ModelError::permanent(text);
    }
    let mut error = ModelError::transient(text);
    if may_have_worked(status) {
        error = error.unsettled();
    }
    match wait(headers) {
        Some(wait) => error.after(wait),
        None => error,
    }
}

/// Whether the model may have worked before such a status: one server gave up waiting for another, or
/// failed. A server that is too busy or does not know the request has not begun.
const fn may_have_worked(status: u16) -> bool {
    match status {
        408 | 499 => true,
        501 | 503 | 505 | 529 => false,
        _ => status >= 500,
    }
}

/// Why no answer came: a connection that was refused, closed, or broke.
pub(super) fn unanswered(error: &reqwest::Error, secret: &str) -> ModelError {
    let text = masked(&with_sources(error), secret);
    if error.is_builder() {
        return ModelError::permanent(text);
    }
    let failed = ModelError::transient(text);
    // Without a connection the model was not asked.
    if error.is_connect() {
        failed
    } else {
        failed.unsettled()
    }
}

/// The error that a provider tells of in place of an answer, or in the middle of `answer`.
pub(super) fn told(json: &str, answer: &Answer) -> ModelError {
    #[derive(Deserialize, Default)]
    struct Told<'a> {
        #[serde(borrow, default, rename = "type")]
        kind: Raw<'a>,
        #[serde(borrow, default)]
        code: Raw<'a>,
        #[serde(borrow, default)]
        status: Raw<'a>,
    }
    let told: Told<'_> = serde_json::from_str(json).unwrap_or_default();
    let code = told
        .code
        .map(|code| code.get().trim_matches('"'))
        .unwrap_or_default();
    let said = |raw| {
        text(raw, "error")
            .ok()
            .flatten()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let kind = format!(
        "{} {} {}",
        said(told.kind),
        said(told.status),
        code.to_ascii_lowercase()
    );
    let number: u16 = code.parse().unwrap_or(0);
    let is_of = |kinds: &[&str]| kinds.iter().any(|it| kind.contains(it));
    let is_known = is_of(&REFUSING) || (400..500).contains(&number);
    let passes = is_of(&PASSING) || !is_known || matches!(number, 408 | 409 | 425 | 429);
    let text = masked(&format!("the server says: {json}"), &answer.secret);
    let error = if passes {
        ModelError::transient(text)
    } else {
        ModelError::permanent(text)
    };
    let is_settled =
        !answer.has_begun && (is_of(&REFUSING) || matches!(number, 400..408 | 429 | 503 | 529));
    if is_settled { error } else { error.unsettled() }
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

/// Masked before anything is cut: half a key at the edge would not be found any more.
fn masked(text: &str, secret: &str) -> String {
    if secret.is_empty() {
        return text.to_owned();
    }
    text.replace(secret, "[masked]")
}

/// `connection refused` is in the last source only.
fn with_sources(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
