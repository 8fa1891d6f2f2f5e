//! What a turn cost, from two reports.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::Usage;
use crate::model::providers::json::{Raw, within};
use crate::model::providers::usage::{Count, usage};

/// The counts so far; a later report goes before an earlier one.
#[derive(Default)]
pub(super) struct Spent {
    input: Count,
    written: Count,
    cached: Count,
    output: Count,
    /// The output was counted at the end, and not when it began.
    is_last: bool,
}

#[derive(Deserialize)]
struct Cost<'a> {
    #[serde(borrow, default)]
    input_tokens: Raw<'a>,
    #[serde(borrow, default)]
    cache_creation_input_tokens: Raw<'a>,
    #[serde(borrow, default)]
    cache_read_input_tokens: Raw<'a>,
    #[serde(borrow, default)]
    output_tokens: Raw<'a>,
}

impl Spent {
    /// What the turn cost, where both counts are there.
    pub(super) fn usage(&self) -> Option<Usage> {
        // What is written to a cache is read, and not from it.
        let written = self.written.optional()?;
        let spent = usage(self.input, Count::Absent, self.output).filter(|_| self.is_last)?;
        Some(Usage {
            input: spent.input.saturating_add(written),
            output: spent.output,
            cached: self.cached.optional()?,
        })
    }

    /// Takes a report; the last one counts the output.
    pub(super) fn report(&mut self, cost: &RawValue, is_last: bool) {
        let Ok(cost) = within::<Cost<'_>>(cost) else {
            self.output = Count::Wrong;
            return;
        };
        let output = Count::read(cost.output_tokens);
        self.is_last |= is_last && output != Count::Absent;
        self.input = Count::read(cost.input_tokens).or(self.input);
        self.written = Count::read(cost.cache_creation_input_tokens).or(self.written);
        self.cached = Count::read(cost.cache_read_input_tokens).or(self.cached);
        self.output = output.or(self.output);
    }
}
