//! Runs that go round in circles end, and say how.

use super::*;

/// A run with many turns, asked for `call(n)` with the outcome `outcome(n)` until it ends, at most 200
/// times; how often it was asked.
fn drive(
    limits: Limits,
    call: impl Fn(usize) -> ToolCall,
    outcome: impl Fn(usize) -> CallOutcome,
) -> (usize, Finished) {
    let mut run = limited(Limits {
        max_turns: 200,
        ..limits
    });
    for n in 0..200 {
        if let Step::Done(finished) = run.next() {
            return (n, finished);
        }
        run.completed(Completion::calling([call(n)])).unwrap();
        let ids = open(&run);
        run.resolved(&ids[0], outcome(n)).unwrap();
        if n % 8 == 0 {
            run = reread(&run);
        }
    }
    (200, done(&run))
}

fn other(n: usize) -> ToolCall {
    ToolCall::new("", "fs.read", format!("{{\"n\":{n}}}"))
}

fn same(_: usize) -> ToolCall {
    ToolCall::new("", "fs.read", "{\"n\": 1}")
}

fn unreadable(n: usize) -> CallOutcome {
    CallOutcome::Unreadable {
        text: "not JSON".into(),
        fingerprint: format!("m{n}"),
    }
}

#[test]
fn attack_32_refusals_in_a_row_of_any_kind_end_the_run() {
    let outcome = |n: usize| match n % 3 {
        0 => denied(&format!("d{n}")),
        1 => CallOutcome::UnknownTool("no such tool".into()),
        _ => unreadable(n),
    };
    let (calls, finished) = drive(Limits::default(), other, outcome);
    assert_eq!((calls, finished.ended), (21, Ended::Denied));
    let text = "the agent made 21 calls one after another that were refused";
    assert_eq!(finished.text, text);
    // One allowed call in between, and they are counted anew.
    let outcome = |n: usize| match n {
        10 => value("allowed"),
        15 => CallOutcome::Failed("allowed too".into()),
        _ => denied(&format!("d{n}")),
    };
    let (calls, finished) = drive(Limits::default(), other, outcome);
    assert_eq!((calls, finished.ended), (37, Ended::Denied));
    let none = Limits {
        max_refusals_in_a_row: 0,
        ..Limits::default()
    };
    let (calls, finished) = drive(none, other, |_| denied("d"));
    assert_eq!((calls, finished.ended), (1, Ended::Denied));
}

#[test]
fn attack_32_the_same_allowed_call_with_the_same_result_ends_the_run() {
    let (calls, finished) = drive(Limits::default(), same, |_| value("same"));
    assert_eq!((calls, finished.ended), (11, Ended::Looping));
    let text = "the agent made the same call 11 times, and its result was the same each time";
    assert_eq!(finished.text, text);
    // A failure is a result, and a call with other spacing is the same call.
    let spaced = |n: usize| ToolCall::new("", "fs.read", format!("{{{}\"n\":1}}", " ".repeat(n)));
    let failed = |_| CallOutcome::Failed("busy".into());
    let (calls, finished) = drive(Limits::default(), spaced, failed);
    assert_eq!((calls, finished.ended), (11, Ended::Looping));
}

#[test]
fn attack_32_calls_in_turns_are_the_same_calls() {
    // Round and round three of them: what is made in between changes nothing.
    let (calls, finished) = drive(
        Limits::default(),
        |n| other(n % 3),
        |n| value(&format!("{}", n % 3)),
    );
    assert_eq!((calls, finished.ended), (31, Ended::Looping));
}

#[test]
fn a_call_with_another_result_or_other_arguments_is_no_loop() {
    let (calls, finished) = drive(Limits::default(), same, |n| value(&format!("{n}")));
    assert_eq!((calls, finished.ended), (200, Ended::TurnLimit));
    let (calls, finished) = drive(Limits::default(), other, |_| value("same"));
    assert_eq!((calls, finished.ended), (200, Ended::TurnLimit));
    let more = Limits {
        max_same_results: 2000,
        ..Limits::default()
    };
    let (calls, finished) = drive(more, same, |_| value("pending"));
    assert_eq!((calls, finished.ended), (200, Ended::TurnLimit));
}

#[test]
fn what_is_remembered_of_calls_is_bounded() {
    let mut run = limited(Limits {
        max_turns: 500,
        ..Limits::default()
    });
    let mut sizes = Vec::new();
    for n in 0..200 {
        run.completed(Completion::calling([other(n)])).unwrap();
        let ids = open(&run);
        run.resolved(&ids[0], value(&"x".repeat(1000))).unwrap();
        let stored = serde_json::to_value(&run).unwrap();
        sizes.push(stored["loops"].to_string().len());
    }
    assert_eq!(sizes[100], sizes[199]);
    assert!(sizes[199] < 5000, "{}", sizes[199]);
}

#[test]
fn attack_32_one_call_after_another_that_cannot_be_read_ends_the_run() {
    let (calls, finished) = drive(Limits::default(), other, unreadable);
    assert_eq!((calls, finished.ended), (9, Ended::Malformed));
    let text = "the agent made 9 calls one after another whose arguments cannot be read";
    assert_eq!(finished.text, text);
    assert_eq!(finished.denials.len(), 9);
    assert!(finished.denials.iter().all(|note| note.kind == "argument"));
    // One that can be read, and they are counted anew.
    let outcome = |n: usize| match n {
        8 => denied("d"),
        _ => unreadable(n),
    };
    let (calls, finished) = drive(Limits::default(), other, outcome);
    assert_eq!((calls, finished.ended), (18, Ended::Malformed));
}

#[test]
fn attack_32_the_first_limit_that_is_passed_says_how_a_run_ended() {
    let mut run = run();
    let ids: Vec<String> = (0..16).map(|n| format!("c{n}")).collect();
    run.completed(asks(&ids.iter().map(String::as_str).collect::<Vec<_>>()))
        .unwrap();
    for (n, id) in ids.iter().enumerate() {
        let outcome = match n {
            0..4 => denied("the same"),
            _ => unreadable(n),
        };
        run.resolved(id, outcome).unwrap();
    }
    assert_eq!(done(&run).ended, Ended::Repeated);
    // All results of the turn are kept.
    assert_eq!(outcomes(&run).len(), 16);
}

#[test]
fn a_run_that_was_stored_before_loops_were_counted_goes_on() {
    let mut start = run();
    let asks = asks(&["a"]).with_usage(Usage::default());
    start.completed(asks).unwrap();
    let mut stored = serde_json::to_value(&start).unwrap();
    let limits = stored["limits"].as_object_mut().unwrap();
    for new in ["max_refusals_in_a_row", "max_malformed", "max_same_results"] {
        assert!(limits.remove(new).is_some());
    }
    for new in ["loops", "unmeasured", "no_answers", "stalled"] {
        assert_eq!(stored.get(new), None);
    }
    let mut run: Run = serde_json::from_value(stored).unwrap();
    assert_eq!(run, start);
    run.resolved("a", value("A")).unwrap();
    assert!(matches!(run.next(), Step::AskModel(_)));
}
