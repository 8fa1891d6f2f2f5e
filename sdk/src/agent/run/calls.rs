//! Ids for the calls of one completion.

use std::collections::BTreeSet;

use crate::model::ToolCall;

/// A longer id is not taken from a provider.
const MAX_ID_BYTES: usize = 128;

/// Gives a fresh id to each call whose own is empty, was used before in the run, or could not stand
/// in a line of a log.
///
/// Outcomes, children and audit entries are found by call id, so an id names one call in the whole
/// run; some providers start again at `call_0` with every turn. The fresh ids follow from the run
/// alone, so that a run that is replayed has them again.
pub(super) fn with_unique_ids(
    calls: Vec<ToolCall>,
    turn: u32,
    mut used: BTreeSet<String>,
) -> Vec<ToolCall> {
    let fresh = |id: &str, index: usize, used: &BTreeSet<String>| {
        let stem = if is_plain(id) { id } else { "call" };
        let mut id = format!("{stem}-{turn}-{index}");
        while used.contains(&id) {
            id.push_str("-x");
        }
        id
    };
    let rename = |(index, call): (usize, ToolCall)| {
        let id = if is_plain(&call.id) && !used.contains(&call.id) {
            call.id
        } else {
            fresh(&call.id, index, &used)
        };
        used.insert(id.clone());
        ToolCall { id, ..call }
    };
    calls.into_iter().enumerate().map(rename).collect()
}

fn is_plain(id: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(given: &[&str], used: &[&str]) -> Vec<String> {
        let calls = given
            .iter()
            .map(|id| ToolCall::new(*id, "t", "{}"))
            .collect();
        let used = used.iter().map(|id| (*id).to_owned()).collect();
        with_unique_ids(calls, 2, used)
            .into_iter()
            .map(|call| call.id)
            .collect()
    }

    #[test]
    fn no_two_calls_have_the_same_id() {
        assert_eq!(ids(&["a", "b"], &[]), ["a", "b"]);
        assert_eq!(
            ids(&["", "", "a", "a"], &[]),
            ["call-2-0", "call-2-1", "a", "a-2-3"]
        );
        assert_eq!(ids(&["a"], &["a"]), ["a-2-0"]);
        assert_eq!(
            ids(&["a-2-1", "a-2-1"], &["a-2-1-2-0"]),
            ["a-2-1", "a-2-1-2-1"]
        );
        assert_eq!(ids(&["a-2-2", "a", "a"], &[]), ["a-2-2", "a", "a-2-2-x"]);
    }

    #[test]
    fn attack_28_an_id_that_would_forge_a_line_of_a_log_is_replaced() {
        let long = "x".repeat(129);
        assert_eq!(
            ids(&["a\nb", "\u{1b}[2J", &long, " "], &[]),
            ["call-2-0", "call-2-1", "call-2-2", "call-2-3"]
        );
    }
}
