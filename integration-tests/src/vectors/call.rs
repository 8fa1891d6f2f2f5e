//! A call over the wire, used for what it was not made for.

use bailiwick::capability::{Grant, any};
use serde_json::json;

use super::cast::{later, mint, now, reader, reads, spawning, wired};
use super::draft::sent;
use super::format::Vector;
use crate::forge;

pub(super) fn vectors() -> Vec<Vector> {
    let chain = mint(&reader().grant(Grant::new("fs.list").arg("path", any())));
    let token = wired(&chain).sealed();
    let call = |name: &str, says: &str| sent(name, says, &token);
    let delegated = mint(&spawning(Grant::new("fs.read").arg("path", any())));
    vec![
        call(
            "call_of_another_tool",
            "The token is for a call of another capability.",
        )
        .call("fs.list", json!({ "path": "/srv/docs/a.md" }))
        .deny("tool", Some(1)),
        call(
            "call_with_other_arguments",
            "The argument was changed under way.",
        )
        .call("fs.read", json!({ "path": "/srv/docs/b.md" }))
        .deny("argument", Some(1)),
        call(
            "call_with_another_nonce",
            "The call is asked under another id.",
        )
        .with(|vector| vector.call.nonce = "23".repeat(16))
        .deny("argument", Some(1)),
        call("call_in_another_task", "The call was made in no task.")
            .facts(|known| known.task = Some("t-2".to_owned()))
            .deny("argument", Some(1)),
        call(
            "call_to_another_server",
            "The call was meant for another audience.",
        )
        .facts(|known| known.audience = Some("evil.example".to_owned()))
        .deny("argument", Some(1)),
        sent(
            "call_block_with_another_audience",
            "The digest is for this server, the call block names another.",
            &{
                let block = forge::block(wired(&chain).blocks.last().unwrap());
                let changed = chain.clone().edited(&block, |block| {
                    let name = block
                        .symbols
                        .iter_mut()
                        .find(|text| *text == "files.example");
                    *name.unwrap() = "evil.example".to_owned();
                });
                changed.sealed()
            },
        )
        .deny("audience", Some(1)),
        call(
            "call_to_a_server_without_a_name",
            "The verifier does not know its own name.",
        )
        .facts(|known| known.audience = None)
        .deny("argument", Some(1)),
        call("call_too_late", "The call ended in this very second.")
            .facts(|known| known.time = later(30))
            .deny("expired", Some(1)),
        call("call_in_its_last_second", "The end of a call is exclusive.")
            .facts(|known| known.time = later(29))
            .allow(),
        call(
            "call_made_for_too_long",
            "The call ends more than 65 seconds from now.",
        )
        .facts(|known| known.time = now().saturating_sub(std::time::Duration::from_secs(36)))
        .stock_differs("how long a call may live is a rule of the verifier, and no check")
        .deny("expired", None),
        sent(
            "call_refused_by_its_chain",
            "The holder signs a call that the root did not grant.",
            &wired(&mint(&reads("/etc"))).sealed(),
        )
        .deny("argument", Some(0)),
        sent(
            "call_with_other_arguments_granted",
            "Granted, and not what was signed.",
            &wired(&delegated).sealed(),
        )
        .call("fs.read", json!({ "path": "/etc/passwd" }))
        .deny("argument", Some(1)),
    ]
}
