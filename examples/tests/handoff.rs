//! The handoff: one turn of the desk, and an answer by the agent that took the task over.

mod common;

use common::{lines, run, tree};

#[test]
fn the_desk_steps_back_and_the_answer_is_not_its_own() {
    let ran = run(env!("CARGO_BIN_EXE_handoff"), &[], &[]);
    let text = &ran.text;
    assert_eq!(ran.code, Some(0), "{text}\n{}", ran.errors);
    assert!(text.contains("The desk answers: it is in “"), "{text}");
    let agents: Vec<_> = tree(text);
    let row = |at: usize| (agents[at].1, agents[at].2, agents[at].3.as_str());
    // No call of the desk's own, and what the desk could read is refused to the other.
    assert_eq!(agents.len(), 2, "{text}");
    assert_eq!(row(0), (0, 0, "ended: answer"), "{text}");
    assert_eq!(row(1), (1, 1, "ended: answer"), "{text}");
    let refused = lines(text, '✗');
    assert!(refused[0].contains("hop 1"), "{text}");
    assert!(text.contains("handed over to release"), "{text}");
}
