//! What a server sends, as far as it is looked at.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::providers::json::Raw;

#[derive(Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, default, rename = "type")]
    pub(super) kind: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) index: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) message: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) content_block: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) delta: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) error: Raw<'a>,
}

impl Event<'_> {
    /// The members of an event.
    pub(super) const READ: [&'static str; 7] = [
        "type",
        "index",
        "message",
        "content_block",
        "delta",
        "usage",
        "error",
    ];
}

#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) content: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub(super) stop_reason: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) error: Raw<'a>,
}

#[derive(Deserialize)]
pub(super) struct End<'a> {
    #[serde(borrow, default)]
    pub(super) stop_reason: Raw<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::providers::alike::fields::fields;

    #[test]
    fn every_member_that_is_read_is_in_the_list() {
        assert_eq!(fields::<Event<'static>>(), Event::READ);
    }
}
