//! Reads an answer, streamed or whole.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::NAME;
use super::block::{Block, Kind};
use super::cost::Spent;
use super::wire::{End, Event, Message};
use crate::model::providers::alike::{Alike, What};
use crate::model::providers::answer::Answer;
use crate::model::providers::failure::told;
use crate::model::providers::fault::{broken, too_long, wrong};
use crate::model::providers::json::{Raw, count, is_error, read, text, within};
use crate::model::providers::stop::Stop;
use crate::model::{Carried, Completion, Delta, ModelError, StopReason};

/// The most blocks of an answer.
const MAX_BLOCKS: usize = 4096;

/// An answer that is being read.
#[derive(Default)]
pub(in crate::model::providers) struct Reader {
    answer: Answer,
    /// By their index, which is their order.
    blocks: BTreeMap<u64, Block>,
    stop: Option<Stop>,
    cost: Spent,
    alike: Alike,
}

impl Reader {
    /// An answer of which nothing came yet; `secret` is masked in the errors that it tells of.
    pub(in crate::model::providers) fn new(secret: &str) -> Self {
        let mut reader = Self::default();
        secret.clone_into(&mut reader.answer.secret);
        reader
    }

    /// Takes the data of an event. Returns `false` when it was the last.
    ///
    /// # Errors
    ///
    /// When it is an error, or is not what the protocol says.
    pub(in crate::model::providers) fn event(
        &mut self,
        data: &[u8],
        delta: Delta<'_>,
    ) -> Result<bool, ModelError> {
        if let Some((what, text)) = self.alike.said(data) {
            self.again(what, &text, delta)?;
            self.alike.done(text);
            return Ok(true);
        }
        if data.trim_ascii().is_empty() {
            return Ok(true);
        }
        if data.trim_ascii() == b"[DONE]" {
            return Ok(false);
        }
        self.alike.forget();
        let event: Event<'_> = read(data)?;
        if let Some(error) = event.error.filter(|error| is_error(error)) {
            return Err(told(error.get(), &self.answer));
        }
        let index = || count(event.index, "index")?.ok_or_else(|| wrong("a block has no index"));
        match &*text(event.kind, "type")?.unwrap_or_default() {
            "message_start" => {
                let message = event.message.map(within::<Message<'_>>).transpose()?;
                if let Some(cost) = message.and_then(|message| message.usage) {
                    self.cost.report(cost, false);
                }
            }
            "content_block_start" => {
                let block = event
                    .content_block
                    .ok_or_else(|| wrong("a block has no content"))?;
                self.start(index()?, block, delta)?;
            }
            "content_block_delta" => {
                let index = index()?;
                let piece = event.delta.ok_or_else(|| wrong("a piece has no `delta`"))?;
                let Some(block) = self.blocks.get_mut(&index) else {
                    return Err(wrong(format_args!(
                        "a piece arrived for block {index}, which did not begin"
                    )));
                };
                let (said, only) = block.piece(index, piece, &mut self.answer)?;
                if !said.is_empty() {
                    delta(&said);
                }
                let what = match block.kind {
                    Kind::Call => self.answer.place_of(index).map(What::Arguments),
                    _ => Some(What::Words(index)),
                };
                if let (Some(text), Some(what)) = (only, what) {
                    self.alike.learn(data, text, what, &Event::READ);
                }
            }
            "content_block_stop" => {
                let index = index()?;
                match self.blocks.get_mut(&index) {
                    Some(block) => block.is_closed = true,
                    None => {
                        return Err(wrong(format_args!("block {index} ends and did not begin")));
                    }
                }
            }
            "message_delta" => {
                if let Some(cost) = event.usage {
                    self.cost.report(cost, true);
                }
                let end = event.delta.map(within::<End<'_>>).transpose()?;
                if let Some(end) = end {
                    self.stopped(end.stop_reason)?;
                }
            }
            "message_stop" => return Ok(false),
            "error" => return Err(told("{}", &self.answer)),
            // Signs of life, and events of a later version.
            _ => {}
        }
        Ok(true)
    }

    /// Takes an answer that came whole.
    ///
    /// # Errors
    ///
    /// As [`Reader::event`].
    pub(in crate::model::providers) fn whole(
        &mut self,
        body: &[u8],
        delta: Delta<'_>,
    ) -> Result<(), ModelError> {
        let message: Message<'_> = read(body)?;
        if let Some(error) = message.error.filter(|error| is_error(error)) {
            return Err(told(error.get(), &self.answer));
        }
        for (index, block) in (0..).zip(message.content.unwrap_or_default()) {
            self.start(index, block, delta)?;
            if let Some(block) = self.blocks.get_mut(&index) {
                block.is_closed = true;
            }
        }
        if let Some(cost) = message.usage {
            self.cost.report(cost, true);
        }
        self.stopped(message.stop_reason)
    }

    /// The answer, at its end.
    ///
    /// # Errors
    ///
    /// When it did not say why it stopped, which means that it broke off, or when it is not an answer.
    pub(in crate::model::providers) fn end(mut self) -> Result<Completion, ModelError> {
        let Some(stop) = self.stop else {
            return Err(broken("it does not say why it stopped"));
        };
        let is_open = |block: &Block| matches!(block.kind, Kind::Call) && !block.is_closed;
        if stop.is_whole() && self.blocks.values().any(is_open) {
            return Err(broken("a call in it has no end"));
        }
        let (mut calls, mut carried) = (0, Vec::new());
        for block in self.blocks.values() {
            if let Some(json) = block.thought() {
                carried.push(Carried::new(NAME, "content", json)?.after_calls(calls));
            }
            match &block.kind {
                Kind::Text(words) => self.answer.text.push_str(words),
                Kind::Call => calls += 1,
                _ => {}
            }
        }
        let usage = self.cost.usage();
        self.answer.finish(stop, usage, carried)
    }

    /// How many bytes of words, arguments and thoughts were taken.
    #[cfg(test)]
    pub(in crate::model::providers) const fn bytes(&self) -> usize {
        self.answer.bytes()
    }

    /// How many events were read in full.
    #[cfg(test)]
    pub(in crate::model::providers) const fn read_in_full(&self) -> usize {
        self.alike.missed()
    }

    /// Takes a further piece of the block or the call that the event before had a piece of.
    fn again(&mut self, what: What, text: &str, delta: Delta<'_>) -> Result<(), ModelError> {
        let index = match what {
            What::Arguments(at) => return self.answer.more(at, text),
            What::Words(index) => index,
        };
        self.answer.grow(text.len())?;
        if let Some(Block {
            kind: Kind::Text(words),
            ..
        }) = self.blocks.get_mut(&index)
        {
            words.push_str(text);
        }
        if !text.is_empty() {
            delta(text);
        }
        Ok(())
    }

    fn start(&mut self, index: u64, raw: &RawValue, delta: Delta<'_>) -> Result<(), ModelError> {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(too_long("it has more blocks", MAX_BLOCKS));
        }
        if self.blocks.contains_key(&index) {
            return Err(wrong(format_args!("block {index} begins twice")));
        }
        let block = Block::start(index, raw, &mut self.answer)?;
        if let Kind::Text(words) = &block.kind
            && !words.is_empty()
        {
            self.answer.grow(words.len())?;
            delta(words);
        }
        self.blocks.insert(index, block);
        Ok(())
    }

    fn stopped(&mut self, reason: Raw<'_>) -> Result<(), ModelError> {
        let Some(reason) = text(reason, "stop_reason")? else {
            return Ok(());
        };
        let later = match &*reason {
            "end_turn" | "stop_sequence" => Stop::Known(StopReason::End),
            "tool_use" => Stop::Known(StopReason::ToolCalls),
            "max_tokens" | "model_context_window_exceeded" => Stop::Known(StopReason::MaxTokens),
            "refusal" => Stop::Known(StopReason::Refused),
            _ => Stop::Unknown,
        };
        self.stop = Some(self.stop.map_or(later, |stop| stop.then(later)));
        Ok(())
    }
}
