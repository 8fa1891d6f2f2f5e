//! Which calls one completion makes, and their ids.

use std::collections::BTreeSet;

use super::text::spelled;
use crate::model::ToolCall;

/// The longest id that is taken from a provider.
const MAX_ID_BYTES: usize = 128;

/// The calls without duplicates: a call with the id, the tool and the arguments of an earlier call is that call,
/// sent twice.
///
/// Two equal calls without an id may both be meant, so both stay. Calls with one id that differ are
/// different calls of a provider that repeats its ids.
pub(super) fn told_once(mut calls: Vec<ToolCall>) -> Vec<ToolCall> {
    let mut told = BTreeSet::new();
    calls.retain(|call| {
        call.id.is_empty()
            || told.insert((call.id.clone(), call.name.clone(), spelled(&call.arguments)))
    });
    calls
}

/// Gives a fresh id to each call whose own is empty, was used before in the run, or cannot be written
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
    fn a_call_that_is_told_twice_is_one_call() {
        let calls = [
            ("a", "pay", r#"{"to": "b", "sum": 1}"#),
            ("a", "pay", r#"{"sum":1,"to":"b"}"#),
            ("a", "pay", r#"{"sum":2,"to":"b"}"#),
            ("a", "ask", r#"{"sum":1,"to":"b"}"#),
            ("b", "pay", r#"{"sum":1,"to":"b"}"#),
            ("", "pay", "{}"),
            ("", "pay", "{}"),
            ("c", "pay", "{ not JSON"),
            ("c", "pay", "{ not JSON"),
        ];
        let calls = calls.map(|(id, name, arguments)| ToolCall::new(id, name, arguments));
        let told = told_once(calls.to_vec());
        let kept = [0, 2, 3, 4, 5, 6, 7].map(|at: usize| calls[at].clone());
        assert_eq!(told, kept);
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
