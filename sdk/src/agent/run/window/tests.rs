use proptest::prelude::*;
use serde_json::json;

use crate::agent::run::{CallOutcome, Limits, Run, Step};
use crate::capability::{Exposure, Sensitivity};
use crate::id::RunId;
use crate::model::{Completion, Message, Request, ToolCall, ToolSpec};

const TASK: &str = "summarise";

/// A run whose turns had these results, one call for each.
fn run(max_context_bytes: usize, turns: &[Vec<usize>]) -> Run {
    let limits = Limits {
        max_turns: u32::MAX,
        max_context_bytes,
        ..Limits::default()
    };
    let mut run = Run::new(RunId::fresh(), "reader", TASK).with_limits(limits);
    for (nth, results) in turns.iter().enumerate() {
        let calls = (0..results.len()).map(|at| ToolCall::new(format!("{nth}-{at}"), "t", "{}"));
        run.completed(Completion::calling(calls)).unwrap();
        for (at, size) in results.iter().enumerate() {
            let outcome = CallOutcome::Value("x".repeat(*size));
            run.resolved(&format!("{nth}-{at}"), outcome).unwrap();
        }
    }
    run
}

fn asked(run: &Run) -> Request {
    match run.next() {
        Step::AskModel(request) => request,
        other => panic!("{other:?}"),
    }
}

fn ids(request: &Request) -> Vec<&str> {
    request
        .messages
        .iter()
        .filter_map(|message| match message {
            Message::Tool { call_id, .. } => Some(call_id.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_conversation_that_fits_is_whole() {
    // Each call is `0-0`, `t`, `{}`, and its result `0-0`, `t`, and the text.
    let exact = TASK.len() + 2 * (6 + 4 + 100);
    let turns = [vec![100], vec![100]];
    let whole = run(exact, &turns);
    assert_eq!(asked(&whole).messages, whole.messages());
    assert_eq!(ids(&asked(&run(exact - 1, &turns))), ["1-0"]);
}

#[test]
fn the_oldest_turns_go_first_and_the_task_says_so() {
    let run = run(300, &[vec![100], vec![100, 50], vec![100], vec![100]]);
    let request = asked(&run);
    assert_eq!(ids(&request), ["2-0", "3-0"]);
    let Some(Message::User { text }) = request.messages.first() else {
        panic!("{request:?}")
    };
    assert!(
        text.starts_with("summarise\n\n") && text.contains("first 2 turns"),
        "{text}"
    );
    // Nothing is lost: more room shows it again.
    assert_eq!(run.messages().len(), 10);
    let more = run.clone().with_limits(Limits::default());
    assert_eq!(asked(&more).messages, run.messages());
}

#[test]
fn the_last_turn_is_there_however_long() {
    assert_eq!(
        ids(&asked(&run(0, &[vec![10], vec![1000, 1000]]))),
        ["1-0", "1-1"]
    );
    assert_eq!(asked(&run(0, &[])).messages.len(), 1);
}

#[test]
fn system_text_and_tools_count() {
    let turns = [vec![100], vec![100]];
    let room = TASK.len() + 2 * 110 + 40;
    assert_eq!(ids(&asked(&run(room, &turns))).len(), 2);
    let long = run(room, &turns).with_system("x".repeat(41));
    assert_eq!(ids(&asked(&long)).len(), 1);
    let tool = ToolSpec::new("t", "x".repeat(41), json!({}));
    let tooled = run(room, &turns).with_tools(vec![tool]);
    assert_eq!(ids(&asked(&tooled)).len(), 1);
}

#[test]
fn what_was_left_out_still_taints() {
    let mut run = run(0, &[vec![10], vec![10]]);
    run.absorb(&Exposure::new(["web"], Some(Sensitivity::Internal)));
    assert_eq!(ids(&asked(&run)), ["1-0"]);
    assert!(run.exposure().taint.contains("web"));
}

#[test]
fn a_run_stored_before_there_was_a_window_is_read() {
    let mut stored = serde_json::to_value(run(7, &[])).unwrap();
    let limits = stored["limits"].as_object_mut().unwrap();
    assert_eq!(limits.remove("max_context_bytes"), Some(json!(7)));
    let read: Run = serde_json::from_value(stored).unwrap();
    assert!(matches!(read.next(), Step::AskModel(_)));
}

proptest! {
    #[test]
    fn calls_and_their_results_are_never_parted(
        turns in prop::collection::vec(prop::collection::vec(0usize..200, 1..4), 0..8),
        limit in 0usize..3000,
    ) {
        let run = run(limit, &turns);
        let request = asked(&run);
        let mut open: Vec<String> = Vec::new();
        for message in request.messages.iter().skip(1) {
            match message {
                Message::Assistant { calls, .. } => {
                    prop_assert!(open.is_empty());
                    open = calls.iter().map(|call| call.id.clone()).collect();
                }
                Message::Tool { call_id, .. } => {
                    prop_assert!(!open.is_empty() && open.remove(0) == *call_id);
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
        prop_assert!(open.is_empty());
        // What is kept is the end of the conversation.
        prop_assert!(run.messages().ends_with(&request.messages[1..]));
        prop_assert_eq!(asked(&run), request);
    }
}
