//! Agents as tools, and tasks that are handed over: the agent that takes one has a token of its own, narrower
//! than its parent's, and the agent that handed it over does nothing more.

use std::sync::atomic::Ordering;

use bailiwick::agent::{BuildError, Ended, Helper, Orchestrator, OrchestratorBuilder};
use bailiwick::capability::{Authority, Kind, Risk};
use bailiwick::guard::Effect;
use bailiwick::model::scripted::{ScriptedModel, Turn, call, calls, say};
use bailiwick::record::{Body, EventKind};
use bailiwick::tool::{Declaration, RuntimeTool};
use bailiwick_integration_tests::support::audit;
use bailiwick_integration_tests::support::handoffs::{Counted, built, lead, path, under};
use serde_json::json;

/// The two scripts of a lead and a reader.
fn models<const N: usize, const M: usize>(
    builder: OrchestratorBuilder,
    lead: [Turn; N],
    reader: [Turn; M],
) -> OrchestratorBuilder {
    builder
        .model_for("lead", ScriptedModel::new(lead))
        .model_for("reader", ScriptedModel::new(reader))
}

#[tokio::test]
async fn a_helper_is_called_like_a_tool_and_has_what_code_wrote() {
    let ask = call("reader", json!({"task": "read the documents"}));
    let (orchestrator, read) = built(|builder| {
        let helper = Helper::new("reader", "Reads.").scope(under("/srv/docs"));
        let reader = [
            calls([
                call("fs_read", path("/srv/docs/a.md")),
                call("fs_read", path("/srv/b.md")),
            ]),
            say("what the documents say"),
        ];
        models(builder, [ask, say("done")], reader).helper(helper)
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    assert_eq!(report.text(), "done");
    assert!(report.denials().is_empty(), "{:?}", report.denials());
    // The one call that its scope holds, and not the one that its parent's would.
    assert_eq!(read.load(Ordering::SeqCst), 1);
    // What it read, its parent was told.
    assert!(report.finished().exposure.taint.contains("file"));
    let hops: Vec<_> = audit(&orchestrator)
        .await
        .into_iter()
        .filter_map(|entry| match entry.body {
            Body::Hop { agent, .. } => Some(agent),
            _ => None,
        })
        .collect();
    assert_eq!(hops, ["lead", "lead/reader"]);
}

#[tokio::test]
async fn a_helper_that_is_wider_than_its_caller_is_refused_like_any_other_child() {
    let ask = call("reader", json!({"task": "read everything"}));
    let (orchestrator, read) = built(|builder| {
        let helper = Helper::new("reader", "Reads.").scope(under("/etc"));
        models(builder, [ask, say("done")], [say("never asked")]).helper(helper)
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    let kinds: Vec<_> = report.denials().iter().map(|it| it.kind()).collect();
    assert_eq!(kinds, [Kind::Widens]);
    assert_eq!(read.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_helper_that_the_token_does_not_grant_is_denied() {
    let ask = call("admin", json!({"task": "anything"}));
    let (orchestrator, _) = built(|builder| {
        models(builder, [ask, say("done")], [say("never asked")])
            .helper(Helper::new("admin", "Does anything."))
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    let kinds: Vec<_> = report.denials().iter().map(|it| it.kind()).collect();
    assert_eq!(kinds, [Kind::Argument]);
}

#[tokio::test]
async fn a_call_of_a_helper_takes_a_task_and_nothing_else() {
    // A model that writes a scope into such a call has it refused, not ignored.
    let wider = json!({"task": "read", "scope": {"grants": [{"tool": "fs.read"}]}});
    let script = [
        call("reader", wider),
        call("reader", json!({"role": "writer", "task": "read"})),
        call("reader", json!({})),
        say("done"),
    ];
    let (orchestrator, _) = built(|builder| {
        let helper = Helper::new("reader", "Reads.").scope(under("/srv/docs"));
        models(builder, script, [say("never asked")]).helper(helper)
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    let kinds: Vec<_> = report.denials().iter().map(|it| it.kind()).collect();
    assert_eq!(kinds, [Kind::Argument; 3]);
}

#[test]
fn a_helpers_name_is_a_role_and_its_own() {
    let with = |names: [&str; 2]| {
        let tool = RuntimeTool::new(
            Declaration::new("fs.read", Effect::Read, Risk::Low),
            json!({"type": "object"}),
            |_, _| async { Ok(json!("contents")) },
        );
        let mut builder = Orchestrator::builder(&Authority::generate()).tool(tool);
        for name in names {
            builder = builder.helper(Helper::new(name, ""));
        }
        builder.build().map(drop)
    };
    assert_eq!(with(["reader", "writer"]), Ok(()));
    let taken = |name: &str| Err(BuildError::HelperName(name.to_owned()));
    assert_eq!(with(["reader", "reader"]), taken("reader"));
    assert_eq!(with(["reader", "fs_read"]), taken("fs_read"));
    assert_eq!(with(["reader", "agent_spawn"]), taken("agent_spawn"));
    let none = |name: &str| Err(BuildError::HelperRole(name.to_owned()));
    assert_eq!(with(["reader", "Not a role"]), none("Not a role"));
    assert_eq!(with(["reader", "fs.read"]), none("fs.read"));
}

#[tokio::test]
async fn a_task_is_handed_over_by_the_only_call_of_a_turn() {
    let both = calls([
        call("fs_read", path("/srv/docs/a.md")),
        call("reader", json!({"task": "take over"})),
    ]);
    let script = [both, call("reader", json!({"task": "take over"}))];
    let (orchestrator, read) = built(|builder| {
        let helper = Helper::new("reader", "Takes over.").takes_over();
        models(builder, script, [say("the reader's answer")]).helper(helper)
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    assert_eq!(report.text(), "the reader's answer");
    assert_eq!(report.finished().turns, 2);
    assert_eq!(read.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_task_that_could_not_be_handed_over_stays_where_it_was() {
    let ask = call("reader", json!({"task": "take over"}));
    let (orchestrator, _) = built(|builder| {
        let helper = Helper::new("reader", "Takes over.")
            .scope(under("/etc"))
            .takes_over();
        models(
            builder,
            [ask, say("the lead's answer")],
            [say("never asked")],
        )
        .helper(helper)
    });
    let report = lead(&orchestrator).await.run("go").await.unwrap();
    assert_eq!(report.text(), "the lead's answer");
    assert_eq!(report.denials().len(), 1);
}

#[tokio::test]
async fn whoever_handed_over_does_not_come_back_when_there_is_no_answer() {
    let ask = call("reader", json!({"task": "take over"}));
    let lead_model = Counted::new([ask, say("the lead's answer")]);
    let (orchestrator, _) = built(|builder| {
        let limits = bailiwick::agent::Limits {
            max_turns: 1,
            ..Default::default()
        };
        let helper = Helper::new("reader", "Takes over.")
            .scope(under("/srv/docs"))
            .limits(limits)
            .takes_over();
        let reader = ScriptedModel::new([call("fs_read", path("/srv/docs/a.md"))]);
        builder
            .model_for("lead", lead_model.clone())
            .model_for("reader", reader)
            .helper(helper)
    });
    let failed = lead(&orchestrator).await.run("go").await.unwrap_err();
    assert_eq!(failed.report().finished().ended, Ended::HandedOver);
    assert_eq!(lead_model.asked(), 1);
    assert!(
        failed.to_string().contains("handed its task over"),
        "{failed}"
    );
}

#[tokio::test]
async fn code_hands_over_to_a_child_and_both_end_together() {
    let (orchestrator, read) = built(|builder| {
        let script = [
            call("fs_read", path("/srv/docs/a.md")),
            say("the reader's answer"),
        ];
        builder.model(ScriptedModel::new(script))
    });
    let mut events = orchestrator.events().watch();
    let lead = lead(&orchestrator).await;
    let reader = lead
        .spawn("reader")
        .scope(under("/srv/docs"))
        .await
        .unwrap();
    let reader = lead.hand_over(reader).unwrap();
    let report = reader.run("go").await.unwrap();
    assert_eq!(
        (report.agent(), report.text()),
        ("lead/reader", "the reader's answer")
    );
    assert_eq!(read.load(Ordering::SeqCst), 1);
    let mut ended = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::Ended { how } = event.kind {
            ended.push((event.agent, how));
        }
    }
    let ended: Vec<_> = ended
        .iter()
        .map(|(a, h)| (a.as_str(), h.as_str()))
        .collect();
    assert_eq!(ended, [("lead/reader", "answer"), ("lead", "handed over")]);
}

#[tokio::test]
async fn words_are_told_as_they_come_where_that_is_wanted() {
    for wanted in [false, true] {
        let (orchestrator, _) = built(|builder| {
            let builder = builder.model(ScriptedModel::new([say("in so many words")]));
            if wanted {
                builder.stream_words()
            } else {
                builder
            }
        });
        let mut events = orchestrator.events().watch();
        lead(&orchestrator).await.run("go").await.unwrap();
        let mut said = String::new();
        while let Ok(event) = events.try_recv() {
            if let EventKind::Said { text } = event.kind {
                said.push_str(&text);
            }
        }
        assert_eq!(said, if wanted { "in so many words" } else { "" });
    }
}
