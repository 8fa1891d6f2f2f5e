//! Selects the part of a conversation that a model is asked with.

use super::state::State;
use crate::model::{Carried, Message, ToolSpec};

/// The messages of the run that fit its limit; the rule is that of [`Run::next`](super::Run::next).
pub(super) fn window(state: &State) -> Vec<Message> {
    let limit = state.limits.max_context_bytes;
    let system = state.system.as_ref().map_or(0, String::len);
    let tools: usize = state.tools.iter().map(tool_size).sum();
    let begin = first_turn(&state.messages);
    let (task, talk) = state
        .messages
        .split_at_checked(begin)
        .unwrap_or((&state.messages, &[]));
    let mut used = system + tools + task.iter().map(size).sum::<usize>();
    let turns = turns(talk);
    let mut kept = 0;
    for turn in turns.iter().rev() {
        used = used.saturating_add(turn.iter().map(size).sum());
        if used > limit && kept > 0 {
            break;
        }
        kept += 1;
    }
    let dropped = turns.len() - kept;
    if dropped == 0 {
        return state.messages.clone();
    }
    let mut messages = task.to_vec();
    if let Some(Message::User { text }) = messages.last_mut() {
        // The note is in the task, so that the roles still alternate.
        text.push_str(&format!(
            "\n\n[the first {dropped} turns of this conversation are left out here]"
        ));
    }
    messages.extend(turns.into_iter().skip(dropped).flatten().cloned());
    messages
}

/// The index of the first answer of the model.
fn first_turn(messages: &[Message]) -> usize {
    messages
        .iter()
        .position(is_answer)
        .unwrap_or(messages.len())
}

/// The turns: each is an answer of the model and the messages after it.
fn turns(talk: &[Message]) -> Vec<&[Message]> {
    let mut turns = Vec::new();
    let mut rest = talk;
    while !rest.is_empty() {
        let next = rest.iter().skip(1).position(is_answer);
        let end = next.map_or(rest.len(), |at| at + 1);
        let (turn, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        turns.push(turn);
        rest = after;
    }
    turns
}

const fn is_answer(message: &Message) -> bool {
    matches!(message, Message::Assistant { .. })
}

/// The bytes of a message's text, with what its provider wants back.
fn size(message: &Message) -> usize {
    match message {
        Message::System { text } | Message::User { text } => text.len(),
        Message::Assistant {
            text,
            calls,
            carried,
        } => {
            let bytes =
                |carried: &[Carried]| carried.iter().map(|it| it.json().len()).sum::<usize>();
            let calls = calls.iter().map(|call| {
                call.id.len() + call.name.len() + call.arguments.len() + bytes(&call.carried)
            });
            text.as_ref().map_or(0, String::len) + calls.sum::<usize>() + bytes(carried)
        }
        Message::Tool {
            call_id,
            tool,
            outcome,
            ..
        } => call_id.len() + tool.len() + outcome.len(),
    }
}

fn tool_size(tool: &ToolSpec) -> usize {
    tool.name.len() + tool.description.len() + tool.parameters.to_string().len()
}

#[cfg(test)]
mod tests;
