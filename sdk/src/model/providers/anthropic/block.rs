//! One block of an answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::model::ModelError;
use crate::model::providers::answer::Answer;
use crate::model::providers::fault::wrong;
use crate::model::providers::json::{Raw, text, within};
use crate::model::providers::piece::{Arguments, Piece};

/// A block, read so far.
pub(super) struct Block {
    pub(super) kind: Kind,
    /// No piece of it follows.
    pub(super) is_closed: bool,
}

/// What a block is.
pub(super) enum Kind {
    /// Words.
    Text(String),
    /// A call, which the answer puts together.
    Call,
    /// A thought, with its signature.
    Thought { thinking: String, signature: String },
    /// A thought that is carried back as it arrived.
    Whole(String),
    /// Something that was not asked for, and is not a call of a tool in this process.
    Other,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    input: Raw<'a>,
    #[serde(borrow, default)]
    thinking: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
}

#[derive(Deserialize)]
struct BlockPiece<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Raw<'a>,
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    partial_json: Raw<'a>,
    #[serde(borrow, default)]
    thinking: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
}

impl Block {
    /// The block that `raw` begins, at `index`.
    ///
    /// # Errors
    ///
    /// When it is not what the protocol says.
    pub(super) fn start(
        index: u64,
        raw: &RawValue,
        answer: &mut Answer,
    ) -> Result<Self, ModelError> {
        let start: Start<'_> = within(raw)?;
        answer.has_begun = true;
        let said = |value, what| Ok::<_, ModelError>(text(value, what)?.unwrap_or_default());
        let kind = match &*said(start.kind, "content_block.type")? {
            "text" => Kind::Text(said(start.text, "content_block.text")?.into_owned()),
            "tool_use" => {
                // `{}` stands for arguments that follow, or for none.
                let input = start.input.filter(|input| {
                    let inner = input
                        .get()
                        .strip_prefix('{')
                        .and_then(|it| it.strip_suffix('}'));
                    inner.is_none_or(|inner| !inner.trim().is_empty())
                });
                answer.piece(Piece {
                    index: Some(index),
                    id: &said(start.id, "content_block.id")?,
                    name: &said(start.name, "content_block.name")?,
                    arguments: match input {
                        Some(input) if input.get().starts_with('"') && input.get() != "\"\"" => {
                            return Err(wrong(
                                "the input of a call is a string, and must be an object",
                            ));
                        }
                        input => Arguments::read(input)?,
                    },
                    is_alone: true,
                    carried: None,
                })?;
                Kind::Call
            }
            "thinking" => {
                let thinking = said(start.thinking, "content_block.thinking")?.into_owned();
                let signature = said(start.signature, "content_block.signature")?.into_owned();
                answer.grow(thinking.len().saturating_add(signature.len()))?;
                Kind::Thought {
                    thinking,
                    signature,
                }
            }
            "redacted_thinking" => {
                answer.grow(raw.get().len())?;
                Kind::Whole(raw.get().to_owned())
            }
            _ => Kind::Other,
        };
        Ok(Self {
            kind,
            is_closed: false,
        })
    }

    /// Takes a piece of the block at `index`, and returns the words in it, and the text that is all of it.
    ///
    /// # Errors
    ///
    /// When it is not a piece of such a block.
    pub(super) fn piece<'a>(
        &mut self,
        index: u64,
        raw: &'a RawValue,
        answer: &mut Answer,
    ) -> Result<(Cow<'a, str>, Raw<'a>), ModelError> {
        let piece: BlockPiece<'_> = within(raw)?;
        let kind = text(piece.kind, "delta.type")?.unwrap_or_default();
        let said = |value, what| Ok::<_, ModelError>(text(value, what)?.unwrap_or_default());
        if self.is_closed {
            return Err(wrong(format_args!("block {index} goes on after its end")));
        }
        match (&mut self.kind, &*kind) {
            (Kind::Text(words), "text_delta") => {
                let more = said(piece.text, "delta.text")?;
                answer.grow(more.len())?;
                words.push_str(&more);
                return Ok((more, piece.text));
            }
            (Kind::Call, "input_json_delta") => {
                answer.piece(Piece {
                    index: Some(index),
                    arguments: Arguments::piece(said(piece.partial_json, "delta.partial_json")?),
                    is_alone: true,
                    ..Piece::default()
                })?;
                return Ok((Cow::Borrowed(""), piece.partial_json));
            }
            (Kind::Thought { thinking, .. }, "thinking_delta") => {
                let more = said(piece.thinking, "delta.thinking")?;
                answer.grow(more.len())?;
                thinking.push_str(&more);
            }
            (Kind::Thought { signature, .. }, "signature_delta") => {
                let more = said(piece.signature, "delta.signature")?;
                answer.grow(more.len())?;
                signature.push_str(&more);
            }
            (Kind::Other, _) => {}
            (_, "text_delta" | "input_json_delta" | "thinking_delta") => {
                return Err(wrong(format_args!(
                    "block {index} has a piece of another kind"
                )));
            }
            // Citations, and pieces of a later version.
            _ => {}
        }
        Ok((Cow::Borrowed(""), None))
    }

    /// The thought that is to be carried back, as JSON.
    pub(super) fn thought(&self) -> Option<String> {
        match &self.kind {
            Kind::Thought {
                thinking,
                signature,
            } => Some(
                // In alphabetical order, which is the same whatever order `serde_json` keeps.
                json!({ "signature": signature, "thinking": thinking, "type": "thinking" })
                    .to_string(),
            ),
            Kind::Whole(raw) => Some(raw.clone()),
            _ => None,
        }
    }
}
