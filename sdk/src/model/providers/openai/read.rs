//! Reads an answer, streamed or whole.

use serde_json::value::RawValue;

use super::NAME;
use super::details::Details;
use super::wire::{CallPiece, Choice, Chunk, Function, Groq, Only, Part, Said, spent, stop};
use crate::model::providers::alike::{Alike, What};
use crate::model::providers::answer::Answer;
use crate::model::providers::failure::told;
use crate::model::providers::fault::{broken, wrong};
use crate::model::providers::json::{
    Object, Raw, count, is_error, is_object, list, read, text, within,
};
use crate::model::providers::piece::{Arguments, Piece};
use crate::model::providers::stop::Stop;
use crate::model::{Carried, Completion, Delta, ModelError, Usage};

/// An answer that is being read.
#[derive(Default)]
pub(in crate::model::providers) struct Reader {
    answer: Answer,
    stop: Option<Stop>,
    usage: Option<Usage>,
    reasoning: Option<String>,
    details: Details,
    extra: Option<String>,
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
            match what {
                What::Words(_) => self.say(&text, delta)?,
                What::Arguments(at) => self.answer.more(at, &text)?,
            }
            self.alike.done(text);
            return Ok(true);
        }
        match data.trim_ascii() {
            b"[DONE]" => return Ok(false),
            b"" => return Ok(true),
            _ => {}
        }
        self.chunk(data, delta)?;
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
        self.chunk(body, delta)
    }

    /// The answer, at its end.
    ///
    /// # Errors
    ///
    /// When it did not say why it stopped, which means that it broke off, or when it is not an answer.
    pub(in crate::model::providers) fn end(self) -> Result<Completion, ModelError> {
        let Some(stop) = self.stop else {
            return Err(broken("it does not say why it stopped"));
        };
        let mut carried = Vec::new();
        // Some servers refuse thoughts that come back with anything but calls, others calls without them.
        if self.answer.calls() > 0
            && let Some(reasoning) = &self.reasoning
        {
            let json = serde_json::to_string(reasoning).map_err(wrong)?;
            carried.push(Carried::new(NAME, "reasoning_content", json)?);
        }
        if let Some(json) = self.details.into_json() {
            carried.push(Carried::new(NAME, "reasoning_details", json)?);
        }
        if let Some(json) = self.extra {
            carried.push(Carried::new(NAME, "extra_content", json)?);
        }
        self.answer.finish(stop, self.usage, carried)
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

    fn chunk(&mut self, data: &[u8], delta: Delta<'_>) -> Result<(), ModelError> {
        self.alike.forget();
        let chunk: Chunk<'_> = read(data)?;
        let only = chunk.only();
        if let Some(error) = chunk.error.filter(|error| is_error(error)) {
            return Err(told(error.get(), &self.answer));
        }
        if chunk
            .object
            .is_some_and(|object| object.get() == r#""error""#)
        {
            let text = String::from_utf8_lossy(data);
            return Err(told(&text, &self.answer));
        }
        let choices = chunk.choices.unwrap_or_default();
        if choices.len() > 1 {
            return Err(wrong("it has more than one choice"));
        }
        for Object(choice) in choices {
            self.choice(choice, delta)?;
        }
        let groq = chunk.x_groq.filter(|groq| is_object(groq));
        let groq = groq.map(within::<Groq<'_>>).transpose()?;
        if let Some(cost) = chunk.usage.or(groq.and_then(|groq| groq.usage)) {
            // A value of another shape is not a count. A count from before the end is of a part.
            self.usage = within(cost)
                .ok()
                .filter(|_| self.stop.is_some())
                .and_then(|cost| spent(&cost));
        }
        match only {
            Some(Only::Words(text)) => self.alike.learn(data, text, What::Words(0), &Chunk::READ),
            Some(Only::Arguments(index, text)) => {
                let index = count(index, "tool_calls.index")?;
                if let Some(at) = index.and_then(|index| self.answer.place_of(index)) {
                    self.alike
                        .learn(data, text, What::Arguments(at), &Chunk::READ);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn choice(&mut self, choice: Choice<'_>, delta: Delta<'_>) -> Result<(), ModelError> {
        if count(choice.index, "choices.index")?.unwrap_or(0) != 0 {
            return Err(wrong("it has more than one choice"));
        }
        match (choice.delta, choice.message) {
            // Some streams end with all that was said before.
            (None, Some(Object(said))) if !self.answer.has_begun => self.said(said, delta)?,
            (now, all) => {
                if let Some(Object(said)) = now {
                    self.said(said, delta)?;
                }
                let calls = all.and_then(|Object(said)| said.tool_calls);
                if calls.is_some_and(|calls| calls.len() > self.answer.calls()) {
                    return Err(wrong(
                        "a `message` has calls that were in no `delta` before it",
                    ));
                }
            }
        }
        let reason = text(choice.finish_reason, "finish_reason")?;
        if let Some(reason) = reason.filter(|reason| !reason.is_empty()) {
            let later = stop(&reason)?;
            self.stop = Some(self.stop.map_or(later, |stop| stop.then(later)));
        }
        Ok(())
    }

    fn said(&mut self, said: Said<'_>, delta: Delta<'_>) -> Result<(), ModelError> {
        if said.function_call.is_some() {
            return Err(wrong(
                "a call is in `function_call`, which is the form of before `tool_calls`",
            ));
        }
        self.content(said.content, delta)?;
        if let Some(refusal) = text(said.refusal, "refusal")? {
            self.answer.grow(refusal.len())?;
            self.answer.refusal.push_str(&refusal);
        }
        if let Some(thought) = text(said.reasoning_content, "reasoning_content")? {
            self.answer.grow(thought.len())?;
            self.reasoning.get_or_insert_default().push_str(&thought);
        }
        if let Some(thought) = said.reasoning {
            self.answer.grow(thought.get().len())?;
        }
        if let Some(details) = said.reasoning_details {
            self.answer.grow(details.get().len())?;
            self.details.push(details)?;
        }
        if let Some(extra) = said.extra_content {
            self.answer.grow(extra.get().len())?;
            self.extra = Some(extra.get().to_owned());
        }
        let pieces = said.tool_calls.unwrap_or_default();
        let is_alone = pieces.len() == 1;
        for Object(piece) in pieces {
            self.piece(piece, is_alone)?;
        }
        Ok(())
    }

    fn content(&mut self, content: Raw<'_>, delta: Delta<'_>) -> Result<(), ModelError> {
        let Some(raw) = content.filter(|content| content.get().starts_with('[')) else {
            let said = text(content, "content")?.unwrap_or_default();
            return self.say(&said, delta);
        };
        for Object(part) in list::<Part<'_>>(raw)? {
            match text(part.kind, "content.type")?.as_deref() {
                Some("text") => {
                    let said = text(part.text, "content.text")?.unwrap_or_default();
                    self.say(&said, delta)?;
                }
                Some("refusal") => {
                    let said = text(part.refusal, "content.refusal")?.unwrap_or_default();
                    self.answer.grow(said.len())?;
                    self.answer.refusal.push_str(&said);
                }
                Some(kind) if kind.contains("tool") || kind.contains("function") => {
                    return Err(wrong(
                        "a call is among the parts of `content`, and must be in `tool_calls`",
                    ));
                }
                // Thoughts, references and pictures are not part of the answer's text.
                _ => self.answer.has_begun = true,
            }
        }
        Ok(())
    }

    fn say(&mut self, said: &str, delta: Delta<'_>) -> Result<(), ModelError> {
        if said.is_empty() {
            return Ok(());
        }
        self.answer.grow(said.len())?;
        self.answer.text.push_str(said);
        delta(said);
        Ok(())
    }

    fn piece(&mut self, piece: CallPiece<'_>, is_alone: bool) -> Result<(), ModelError> {
        let kind = text(piece.kind, "tool_calls.type")?.unwrap_or_default();
        if !matches!(&*kind, "" | "function") {
            return Err(wrong("a call is of another type than `function`"));
        }
        let function = piece.function.map_or(
            Function {
                name: None,
                arguments: None,
            },
            |Object(function)| function,
        );
        let extra = piece.extra_content.map(RawValue::get);
        if let Some(extra) = extra {
            self.answer.grow(extra.len())?;
        }
        let carried = extra.map(|json| Carried::new(NAME, "extra_content", json));
        self.answer.piece(Piece {
            index: count(piece.index, "tool_calls.index")?,
            id: &text(piece.id, "tool_calls.id")?.unwrap_or_default(),
            name: &text(function.name, "tool_calls.function.name")?.unwrap_or_default(),
            arguments: Arguments::read(function.arguments)?,
            is_alone,
            carried: carried.transpose()?,
        })
    }
}
