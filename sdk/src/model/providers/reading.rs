//! Reads the body of an answer, within bounds, and lets other tasks run meanwhile.

use reqwest::Response;

use super::failure::{answered, unanswered};
use super::fault::{broken, too_long};
use super::provider::Protocol;
use super::sse::Events;
use super::{anthropic, openai};
use crate::model::{Completion, Delta, ModelError};

/// The most bytes of an answer that comes whole.
const MAX_WHOLE_BYTES: usize = 32 * 1024 * 1024;
/// How much is read of what a server says of a failure.
const MAX_FAILURE_BYTES: usize = 64 * 1024;
/// After so many bytes other tasks run, timeouts among them.
const TURN_BYTES: usize = 64 * 1024;

/// An answer in the middle of being read. Whether it is streamed or whole is told from its first bytes, since
/// some servers do not send the form that was asked for, and not all say which one they send.
pub(super) struct Reading {
    reader: Reader,
    form: Form,
}

enum Reader {
    OpenAi(openai::Reader),
    Anthropic(anthropic::Reader),
}

enum Form {
    /// Nothing but white space came, so many bytes of it.
    Unknown(usize),
    Streamed(Events),
    Whole(Vec<u8>),
    /// The last event came.
    Over,
}

impl Reading {
    /// An answer of which nothing came yet; `secret` is masked in the errors that it tells of.
    pub(super) fn new(protocol: Protocol, secret: &str) -> Self {
        let reader = match protocol {
            Protocol::OpenAi => Reader::OpenAi(openai::Reader::new(secret)),
            Protocol::Anthropic => Reader::Anthropic(anthropic::Reader::new(secret)),
        };
        Self {
            reader,
            form: Form::Unknown(0),
        }
    }

    /// Takes the next bytes. Returns `false` once the answer is over.
    ///
    /// # Errors
    ///
    /// When they are not an answer, or pass a bound.
    pub(super) fn push(&mut self, bytes: &[u8], delta: Delta<'_>) -> Result<bool, ModelError> {
        if let Form::Unknown(blank) = &mut self.form {
            self.form = match bytes.trim_ascii_start().first() {
                None => {
                    *blank = blank.saturating_add(bytes.len());
                    return match *blank > MAX_WHOLE_BYTES {
                        true => Err(too_long("it has more white space", MAX_WHOLE_BYTES)),
                        false => Ok(true),
                    };
                }
                Some(b'{') => Form::Whole(Vec::new()),
                Some(_) => Form::Streamed(Events::default()),
            };
        }
        let reader = &mut self.reader;
        match &mut self.form {
            Form::Unknown(_) | Form::Over => Ok(false),
            Form::Streamed(events) => {
                let goes_on = events.push(bytes, &mut |data| reader.event(data, delta))?;
                if !goes_on {
                    self.form = Form::Over;
                }
                Ok(goes_on)
            }
            Form::Whole(body) => {
                if body.len().saturating_add(bytes.len()) > MAX_WHOLE_BYTES {
                    return Err(too_long("it has more bytes", MAX_WHOLE_BYTES));
                }
                body.extend_from_slice(bytes);
                Ok(true)
            }
        }
    }

    /// The answer, at its end.
    ///
    /// # Errors
    ///
    /// When it broke off, or is not an answer.
    pub(super) fn end(mut self, delta: Delta<'_>) -> Result<Completion, ModelError> {
        let reader = &mut self.reader;
        match &mut self.form {
            Form::Unknown(_) => return Err(broken("nothing came")),
            Form::Streamed(events) => events.end(&mut |data| reader.event(data, delta))?,
            Form::Whole(body) => reader.whole(body, delta)?,
            Form::Over => {}
        }
        match self.reader {
            Reader::OpenAi(reader) => reader.end(),
            Reader::Anthropic(reader) => reader.end(),
        }
    }

    /// How many bytes were copied: into lines and events, and into the answer.
    #[cfg(test)]
    pub(super) fn copied(&self) -> usize {
        let cut = match &self.form {
            Form::Streamed(events) => events.copied(),
            Form::Whole(body) => body.len(),
            Form::Unknown(_) | Form::Over => 0,
        };
        let kept = match &self.reader {
            Reader::OpenAi(reader) => reader.bytes(),
            Reader::Anthropic(reader) => reader.bytes(),
        };
        cut + kept
    }

    /// How many events were read in full, since they were not as the one before.
    #[cfg(test)]
    pub(super) const fn read_in_full(&self) -> usize {
        match &self.reader {
            Reader::OpenAi(reader) => reader.read_in_full(),
            Reader::Anthropic(reader) => reader.read_in_full(),
        }
    }
}

impl Reader {
    fn event(&mut self, data: &[u8], delta: Delta<'_>) -> Result<bool, ModelError> {
        match self {
            Self::OpenAi(reader) => reader.event(data, delta),
            Self::Anthropic(reader) => reader.event(data, delta),
        }
    }

    fn whole(&mut self, body: &[u8], delta: Delta<'_>) -> Result<(), ModelError> {
        match self {
            Self::OpenAi(reader) => reader.whole(body, delta),
            Self::Anthropic(reader) => reader.whole(body, delta),
        }
    }
}

/// Reads the answer to a request; `secret` is masked in what is told of a failure.
///
/// # Errors
///
/// When there is no answer.
pub(super) async fn read(
    mut response: Response,
    protocol: Protocol,
    secret: &str,
    delta: Delta<'_>,
) -> Result<Completion, ModelError> {
    let status = response.status();
    if !status.is_success() {
        let headers = response.headers().clone();
        let said = failed(&mut response).await;
        return Err(answered(status.as_u16(), &said, &headers, secret));
    }
    let mut reading = Reading::new(protocol, secret);
    let mut since_turn = 0;
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| unanswered(&error, secret).unsettled())?
    {
        for part in chunk.chunks(TURN_BYTES) {
            if !reading.push(part, delta)? {
                return reading.end(delta);
            }
            since_turn += part.len();
            if since_turn >= TURN_BYTES {
                since_turn = 0;
                tokio::task::yield_now().await;
            }
        }
    }
    reading.end(delta)
}

/// The begin of what a server says of a failure.
async fn failed(response: &mut Response) -> String {
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = MAX_FAILURE_BYTES.saturating_sub(said.len());
        said.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if said.len() >= MAX_FAILURE_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}
