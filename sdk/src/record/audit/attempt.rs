//! The entry of a call that the guard decided about.

use serde_json::{Map, Value};

use super::{AuditVerdict, Body};
use crate::capability::canonical;
use crate::guard::{Attempt, Denial};
use crate::id::hex;

/// How many bytes of a denied call's arguments are kept.
const ARGUMENTS: usize = 1000;
/// How many characters of the explanation for the operator are kept.
const DETAIL: usize = 2000;

/// The arguments of a call as its entry has them: whole, or their digest and how they begin.
type Arguments = (Option<Map<String, Value>>, Option<String>, Option<String>);

fn arguments(asked: &Attempt<'_>) -> Arguments {
    let Some(call) = asked.call else {
        return (None, None, None);
    };
    let whole = || Some(call.arguments().clone());
    if asked.denial.is_none() {
        return (whole(), None, None);
    }
    let text = canonical::write_object(call.arguments());
    let digest = Some(hex::write(&canonical::sha256(b"", &text)));
    if text.len() <= ARGUMENTS {
        return (whole(), digest, None);
    }
    let end = (0..=ARGUMENTS)
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let cut = text.get(..end.unwrap_or(0)).map(str::to_owned);
    (None, digest, cut)
}

/// The entry of a call that the guard decided about.
pub(super) fn attempt(asked: &Attempt<'_>) -> Body {
    let (arguments, digest, cut) = arguments(asked);
    let (chain, context, denial) = (asked.chain, asked.context, asked.denial);
    Body::Attempt {
        call: asked.id,
        agent: context.agent.clone(),
        capability: asked.capability.to_owned(),
        arguments,
        digest,
        cut,
        token: hex::write(&chain.id()),
        lineage: hex::write(&chain.lineage()),
        task: context.facts.task.clone(),
        verdict: if denial.is_some() {
            AuditVerdict::Denied
        } else {
            AuditVerdict::Allowed
        },
        refusal: denial.map(Denial::kind),
        hop: denial.and_then(Denial::hop),
        detail: denial.map(|denial| denial.detail().chars().take(DETAIL).collect()),
    }
}
