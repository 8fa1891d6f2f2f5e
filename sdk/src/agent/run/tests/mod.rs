mod answers;
mod loops;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::capability::{Exposure, Sensitivity};
use crate::id::RunId;
use crate::model::{Completion, Message, StopReason, ToolCall, ToolSpec, Usage};

fn run() -> Run {
    Run::new(RunId::fresh(), "lead/reader", "summarise")
        .with_system("be brief")
        .with_tools(vec![ToolSpec::new(
            "fs.read",
            "Read a file.",
            json!({"type": "object"}),
        )])
}

fn limited(limits: Limits) -> Run {
    run().with_limits(limits)
}

fn asks(ids: &[&str]) -> Completion {
    Completion::calling(
        ids.iter()
            .map(|id| ToolCall::new(*id, "fs.read", format!("{{\"n\":\"{id}\"}}"))),
    )
}

fn value(text: &str) -> CallOutcome {
    CallOutcome::Value(text.to_owned())
}

fn denied(fingerprint: &str) -> CallOutcome {
    CallOutcome::Denied {
        kind: "argument".into(),
        text: "policy, not a fault".into(),
        fingerprint: fingerprint.into(),
    }
}

fn open(run: &Run) -> Vec<String> {
    match run.next() {
        Step::Dispatch(calls) => calls.into_iter().map(|call| call.id).collect(),
        other => panic!("{other:?}"),
    }
}

fn done(run: &Run) -> Finished {
    match run.next() {
        Step::Done(finished) => finished,
        other => panic!("{other:?}"),
    }
}

fn outcomes(run: &Run) -> Vec<(&str, &str, bool)> {
    let tool = |message| match message {
        &Message::Tool {
            ref call_id,
            ref outcome,
            is_error,
            ..
        } => Some((call_id.as_str(), outcome.as_str(), is_error)),
        _ => None,
    };
    run.messages().iter().filter_map(tool).collect()
}

fn reread(run: &Run) -> Run {
    serde_json::from_str(&serde_json::to_string(run).unwrap()).unwrap()
}

#[test]
fn a_run_asks_calls_and_answers() {
    let mut run = run();
    let Step::AskModel(request) = run.next() else {
        panic!()
    };
    assert_eq!(request.system.as_deref(), Some("be brief"));
    assert_eq!(
        (request.messages, request.tools.len()),
        (
            vec![Message::User {
                text: "summarise".into()
            }],
            1
        )
    );

    let usage = Usage {
        input: 10,
        output: 2,
        cached: 1,
    };
    run.completed(asks(&["a"]).with_text("I read it").with_usage(usage))
        .unwrap();
    assert_eq!(open(&run), ["a"]);
    run.absorb(&Exposure::new(["web"], Some(Sensitivity::Internal)));
    run.absorb(&Exposure::new([""; 0], Some(Sensitivity::Public)));
    run.resolved("a", value("text")).unwrap();
    run.completed(Completion::answer("short").with_usage(usage))
        .unwrap();

    let finished = done(&run);
    assert_eq!(
        (finished.ended, finished.text.as_str(), finished.turns),
        (Ended::Answer, "short", 2)
    );
    assert_eq!(finished.usage.total(), 26);
    let internal = Exposure::new(["web"], Some(Sensitivity::Internal));
    assert_eq!(finished.exposure, internal);
    assert_eq!(run.messages().len(), 4);
}

#[test]
fn an_empty_completion_is_no_answer() {
    let mut run = limited(Limits {
        max_corrections: 0,
        ..Limits::default()
    });
    run.completed(Completion::default().with_stop(StopReason::MaxTokens))
        .unwrap();
    assert_eq!(done(&run).ended, Ended::CutShort);
    assert_eq!(done(&run).stop, Some(StopReason::MaxTokens));
}

#[test]
fn a_completion_is_stored_before_its_calls_are_dispatched() {
    let mut run = run();
    run.completed(asks(&["a", "b"])).unwrap();
    let stored = serde_json::to_value(&run).unwrap();
    let calls = &stored["messages"][1]["calls"];
    assert_eq!(
        (&calls[0]["id"], &calls[1]["arguments"]),
        (&json!("a"), &json!("{\"n\":\"b\"}"))
    );
    assert_eq!(open(&reread(&run)), ["a", "b"]);
}

#[test]
fn outcomes_in_any_order_give_one_conversation() {
    let ends: Vec<Run> = [["a", "b", "c"], ["c", "a", "b"], ["b", "c", "a"]]
        .iter()
        .scan(run(), |start, order| {
            let mut run = start.clone();
            run.completed(asks(&["a", "b", "c"])).unwrap();
            for id in order {
                assert!(outcomes(&run).is_empty());
                run.resolved(id, if *id == "b" { value("B") } else { denied(id) })
                    .unwrap();
            }
            Some(run)
        })
        .collect();
    let error = "policy, not a fault";
    assert_eq!(
        outcomes(&ends[0]),
        [("a", error, true), ("b", "B", false), ("c", error, true)]
    );
    assert!(ends.iter().all(|end| *end == ends[0]));
}

#[test]
fn what_was_not_asked_is_an_error_and_changes_nothing() {
    let mut run = run();
    assert!(matches!(
        run.resolved("a", value("")),
        Err(RunError::UnknownCall { .. })
    ));
    run.completed(asks(&["a", "b"])).unwrap();
    run.resolved("a", value("first")).unwrap();
    let before = run.clone();
    assert_eq!(
        run.resolved("a", value("second")),
        Err(RunError::AlreadyResolved { id: "a".into() })
    );
    let error = run.resolved("x\n\u{1b}[2J", value("")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this run made no call `x\\n\\u{1b}[2J`; use the id from its `Dispatch` step"
    );
    assert_eq!(
        run.completed(Completion::answer("")),
        Err(RunError::NotAsked { open: 1 })
    );
    assert_eq!(run.failed("x"), Err(RunError::NotAsked { open: 1 }));
    assert_eq!(run, before);
    assert_eq!(open(&run), ["b"]);

    run.resolved("b", value("")).unwrap();
    assert!(matches!(
        run.resolved("b", value("")),
        Err(RunError::AlreadyResolved { .. })
    ));
    run.completed(Completion::answer("done")).unwrap();
    assert_eq!(run.resolved("b", value("")), Err(RunError::Ended));
    assert_eq!(
        run.completed(Completion::answer("more")),
        Err(RunError::Ended)
    );
    assert_eq!(run.cancel("late"), Err(RunError::Ended));
}

#[test]
fn a_call_id_names_one_call_of_the_run() {
    let mut run = run();
    let other = ToolCall::new("call_0", "fs.read", "{\"n\":\"other\"}");
    let mut asked = asks(&["call_0", ""]);
    asked.calls.push(other);
    run.completed(asked).unwrap();
    let first = open(&run);
    assert_eq!(first, ["call_0", "call-1-1", "call_0-1-2"]);
    for id in &first {
        run.resolved(id, value("")).unwrap();
    }
    run.completed(asks(&["call_0"])).unwrap();
    assert_eq!(open(&run), ["call_0-2-0"]);
}

#[test]
fn the_turn_limit_ends_a_run_after_the_calls_of_its_last_turn() {
    let mut run = limited(Limits {
        max_turns: 1,
        ..Limits::default()
    });
    run.completed(asks(&["a"])).unwrap();
    run.resolved("a", value("")).unwrap();
    assert_eq!((done(&run).ended, done(&run).turns), (Ended::TurnLimit, 1));
    assert_eq!(run.completed(Completion::answer("")), Err(RunError::Ended));
    // More turns may be given later.
    let more = reread(&run).with_limits(Limits {
        max_turns: 2,
        ..Limits::default()
    });
    assert!(matches!(more.next(), Step::AskModel(_)));
    assert_eq!(
        done(&limited(Limits {
            max_turns: 0,
            ..Limits::default()
        }))
        .ended,
        Ended::TurnLimit
    );
}

#[test]
fn calls_past_the_limit_of_a_turn_are_not_kept_and_the_model_is_told() {
    let mut run = limited(Limits {
        max_calls: 1,
        ..Limits::default()
    });
    run.completed(asks(&["a", "b"])).unwrap();
    assert_eq!(open(&run), ["a"]);
    run.resolved("a", value("A")).unwrap();
    let told =
        "A\n[1 more calls of this answer were not made: at most 1 calls are made in one turn]";
    assert_eq!(outcomes(&run), [("a", told, false)]);

    let mut none = limited(Limits {
        max_calls: 0,
        ..Limits::default()
    });
    none.completed(asks(&["a"])).unwrap();
    let Step::AskModel(request) = none.next() else {
        panic!("{:?}", none.next());
    };
    let told = "[1 more calls of this answer were not made: at most 0 calls are made in one turn]";
    assert_eq!(request.messages.len(), 2);
    assert_eq!(request.messages[1], Message::User { text: told.into() });
}

#[test]
fn ten_thousand_calls_of_one_answer_leave_no_more_than_the_limit() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("call_{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let stored = |run: &Run| serde_json::to_string(run).unwrap().len();
    let (mut many, mut few) = (run(), run());
    many.completed(asks(&ids)).unwrap();
    few.completed(asks(&ids[..16])).unwrap();
    for run in [&mut many, &mut few] {
        assert_eq!(open(run), ids[..16]);
        *run = reread(run);
        for id in open(run) {
            run.resolved(&id, value("x")).unwrap();
        }
        assert_eq!((run.messages().len(), outcomes(run).len()), (18, 16));
    }
    let (_, last, _) = outcomes(&many)[15];
    assert!(
        last.contains("[9984 more calls of this answer were not made"),
        "{last}"
    );
    // All that is kept of the 9,984 is the note.
    assert_eq!(stored(&many), stored(&few) + last.len());
}

#[test]
fn attack_32_an_agent_that_repeats_a_denied_call_is_stopped() {
    let mut run = run();
    for turn in 0..4 {
        assert!(matches!(run.next(), Step::AskModel(_)), "turn {turn}");
        // Another call in between, allowed or refused, resets nothing.
        run.completed(asks(&["same", "other"])).unwrap();
        let ids = open(&run);
        run.resolved(&ids[0], denied("f")).unwrap();
        run.resolved(
            &ids[1],
            if turn % 2 == 0 {
                value("")
            } else {
                denied("g")
            },
        )
        .unwrap();
        run = reread(&run);
    }
    let finished = done(&run);
    assert_eq!((finished.ended, finished.turns), (Ended::Repeated, 4));
    assert_eq!(
        finished.text,
        "the agent made the same call 4 times, though it was refused each time"
    );
    assert_eq!(finished.denials.len(), 6);
    assert_eq!(finished.denials[0].call_id, "same");
    assert_eq!(outcomes(&run).len(), 8);
}

#[test]
fn attack_32_the_same_holds_within_one_turn_and_for_tools_that_do_not_exist() {
    let mut run = run();
    run.completed(asks(&["a", "b", "c", "d"])).unwrap();
    for id in open(&run) {
        run.resolved(&id, denied("f")).unwrap();
    }
    assert_eq!(done(&run).ended, Ended::Repeated);

    let mut run = limited(Limits {
        max_refusals: 0,
        ..Limits::default()
    });
    run.completed(asks(&["a"])).unwrap();
    run.resolved("a", CallOutcome::UnknownTool("no such tool".into()))
        .unwrap();
    assert_eq!(
        (done(&run).ended, done(&run).denials.len()),
        (Ended::Repeated, 0)
    );
}

#[test]
fn attack_28_results_are_cleaned_and_capped() {
    let mut run = limited(Limits {
        max_result_bytes: 8,
        ..Limits::default()
    });
    run.completed(asks(&["a", "b"])).unwrap();
    run.resolved("a", value("\u{1b}[31mred and more")).unwrap();
    run.resolved("b", CallOutcome::Failed("\u{7}".into()))
        .unwrap();
    assert_eq!(
        outcomes(&run)[0].1,
        "\u{fffd}[31mr\n[cut: the first 8 of 17 bytes]"
    );
    assert_eq!(outcomes(&run)[1].1, "\u{fffd}");
}

#[test]
fn a_cancelled_run_has_an_outcome_for_every_call() {
    let mut run = run();
    run.completed(asks(&["a", "b"])).unwrap();
    run.resolved("b", value("B")).unwrap();
    run.cancel("the parent stopped").unwrap();
    assert_eq!(
        (done(&run).ended, done(&run).text.as_str()),
        (Ended::Cancelled, "the parent stopped")
    );
    assert!(outcomes(&run)[0].1.contains("may have had an effect") && outcomes(&run)[1].1 == "B");
    assert_eq!(run.resolved("a", value("late")), Err(RunError::Ended));
}

#[test]
fn a_model_that_fails_ends_the_run() {
    let mut run = run();
    run.failed("the model gave no completion: gone\u{7}")
        .unwrap();
    assert_eq!(done(&run).ended, Ended::ModelFailed);
    assert!(done(&run).text.ends_with("gone\u{fffd}"));
}

#[test]
fn a_stored_run_of_another_version_or_with_damage_is_refused() {
    let mut start = run();
    start.completed(asks(&["a"])).unwrap();
    let stored = serde_json::to_value(&start).unwrap();
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut value = stored.clone();
        change(&mut value);
        serde_json::from_value::<Run>(value)
            .unwrap_err()
            .to_string()
    };
    let newer = refused(&|value| {
        value["version"] = json!(2);
        value["from_the_future"] = json!(true);
    });
    assert!(
        newer.contains("has version `2`") && newer.contains("reads version `1`"),
        "{newer}"
    );
    assert!(refused(&|value| value["version"] = json!("1")).contains("version"));
    assert!(
        refused(&|value| drop(value.as_object_mut().unwrap().remove("version")))
            .contains("no `version`")
    );
    assert!(refused(&|value| value["extra"] = json!(1)).contains("`extra`"));
    assert!(refused(&|value| value["messages"][0]["extra"] = json!(1)).contains("`extra`"));
    assert!(refused(&|value| value["phase"]["is"] = json!("flying")).contains("`flying`"));
    assert!(
        refused(&|value| drop(value["messages"].as_array_mut().unwrap().pop()))
            .contains("does not make")
    );
    assert!(
        refused(&|value| value["phase"]["outcomes"]["z"] = json!({"value": ""}))
            .contains("does not make")
    );
}

/// One thing that a driver may do, in or out of turn.
#[derive(Clone, Debug)]
enum Act {
    Complete(Vec<u8>),
    Resolve(usize, u8),
    Stray(u8),
    Absorb(u8),
    Fail,
    Cancel,
}

fn act(run: &mut Run, act: &Act) -> Result<(), RunError> {
    match act {
        Act::Complete(ids) => {
            // Few ids, the empty one among them, so that they collide.
            run.completed(asks(
                &ids.iter()
                    .map(|n| ["", "a", "b", "a-1-1", "call-1-0"][usize::from(n % 5)])
                    .collect::<Vec<_>>(),
            ))
        }
        Act::Resolve(nth, how) => {
            let Step::Dispatch(calls) = run.next() else {
                return run.resolved("none", value(""));
            };
            let outcome = match how % 4 {
                0 => value("\u{0}text\r\n"),
                1 => denied(["f", "g", "h"][usize::from(how % 3)]),
                2 => CallOutcome::Failed("x".repeat(usize::from(*how))),
                _ => CallOutcome::UnknownTool("none".into()),
            };
            run.resolved(&calls[nth % calls.len()].id, outcome)
        }
        Act::Stray(n) => run.resolved(["a", "b", "zzz"][usize::from(n % 3)], value("stray")),
        Act::Absorb(n) => {
            let level = Sensitivity::from_rank(i64::from(n / 4 % 5) - 1);
            run.absorb(&Exposure::new([format!("t{}", n % 4)], level));
            Ok(())
        }
        Act::Fail => run.failed("gone"),
        Act::Cancel => run.cancel("enough"),
    }
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => prop::collection::vec(any::<u8>(), 1..6).prop_map(Act::Complete),
        24 => (any::<usize>(), any::<u8>()).prop_map(|(nth, how)| Act::Resolve(nth, how)),
        2 => any::<u8>().prop_map(Act::Stray),
        2 => any::<u8>().prop_map(Act::Absorb),
        1 => Just(Act::Complete(vec![])),
        1 => Just(Act::Fail),
        1 => Just(Act::Cancel),
    ];
    prop::collection::vec(act, 0..60)
}

proptest! {
    #[test]
    fn a_run_read_back_after_every_act_goes_on_as_if_it_had_not_been(acts in acts(), max_turns in 0u32..8) {
        let limits = Limits { max_turns, max_calls: 4, max_result_bytes: 100, ..Limits::default() };
        let mut kept = limited(limits);
        let mut stored = kept.clone();
        for each in &acts {
            let before = kept.clone();
            let result = act(&mut kept, each);
            prop_assert_eq!(&result, &act(&mut stored, each));
            stored = reread(&stored);
            prop_assert_eq!(&kept, &stored);
            prop_assert_eq!(kept.next(), stored.next());
            // A refused act changes nothing, and taint never falls.
            prop_assert!(result.is_ok() || kept == before);
            prop_assert!(kept.exposure().taint.is_superset(&before.exposure().taint));
            prop_assert!(kept.exposure().sensitivity >= before.exposure().sensitivity);
            check_conversation(&kept)?;
        }
    }
}

/// Ids are unique, what is open was recorded, and each finished turn has its outcomes in order.
fn check_conversation(run: &Run) -> Result<(), TestCaseError> {
    let mut made = Vec::new();
    let mut answered = Vec::new();
    for message in run.messages() {
        match message {
            Message::Assistant { calls, .. } => {
                prop_assert_eq!(&made, &answered);
                made.extend(calls.iter().map(|call| call.id.clone()));
            }
            Message::Tool { call_id, .. } => answered.push(call_id.clone()),
            _ => {}
        }
    }
    let mut unique = made.clone();
    unique.sort();
    unique.dedup();
    prop_assert_eq!(unique.len(), made.len());
    match run.next() {
        Step::Dispatch(calls) => {
            prop_assert!(!calls.is_empty());
            prop_assert!(
                calls
                    .iter()
                    .all(|call| made.contains(&call.id) && !answered.contains(&call.id))
            );
        }
        _ => prop_assert_eq!(made, answered),
    }
    Ok(())
}
