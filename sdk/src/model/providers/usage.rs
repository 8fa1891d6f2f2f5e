//! The cost of a turn, as far as a provider says it.

use super::json::Raw;
use crate::model::Usage;

/// The counts of one report, each absent, a count, or no count at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Count {
    /// The report has no count.
    #[default]
    Absent,
    /// So many tokens.
    Of(u64),
    /// A value that is not a count: negative, a fraction, a string.
    Wrong,
}

impl Count {
    /// Reads a count. A number that is not written in digits alone is not a count.
    pub(super) fn read(raw: Raw<'_>) -> Self {
        raw.map_or(Self::Absent, |raw| {
            raw.get().parse().map_or(Self::Wrong, Self::Of)
        })
    }

    /// This count, or `earlier` where this report has no count.
    pub(super) const fn or(self, earlier: Self) -> Self {
        match self {
            Self::Absent => earlier,
            said => said,
        }
    }

    /// The tokens, or `None` where the report has no count.
    pub(super) const fn needed(self) -> Option<u64> {
        match self {
            Self::Of(tokens) => Some(tokens),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// The tokens, nothing where they are absent, or `None` where the value is not a count.
    pub(super) const fn optional(self) -> Option<u64> {
        match self {
            Self::Absent => Some(0),
            other => other.needed(),
        }
    }
}

/// The cost of a turn that read `prompt` tokens, `cached` of them from a cache, and wrote `output`.
pub(super) fn usage(prompt: Count, cached: Count, output: Count) -> Option<Usage> {
    let cached = cached.optional()?;
    Some(Usage {
        input: prompt.needed()?.saturating_sub(cached),
        output: output.needed()?,
        cached,
    })
}
