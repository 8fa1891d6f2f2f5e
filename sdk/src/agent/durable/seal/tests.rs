use super::*;
use crate::capability::{Authority, Mandate, Scope};
use crate::id::Timestamp;

#[test]
fn a_sealed_key_opens_for_its_own_agent_alone() {
    let (seal, key) = (SealKey::generate(), AgentKey::generate());
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let root = Authority::generate();
    let chain = root.mint(&Scope::new(), &Mandate::default(), key.public(), now);
    let held = chain.unwrap().held_by(key).unwrap();
    let (run, agent) = (RunId::fresh(), AgentId::fresh());
    let public = held.chain().holder();
    let text = seal.seal(run, agent, &held);
    assert_eq!(
        seal.open((run, agent, public), &text).unwrap().public(),
        public
    );
    assert_ne!(seal.seal(run, agent, &held), text);
    let other = AgentKey::generate().public();
    let mut altered = text.clone();
    altered.replace_range(40..41, if &text[40..41] == "A" { "B" } else { "A" });
    for (whose, text) in [
        ((RunId::fresh(), agent, public), &*text),
        ((run, AgentId::fresh(), public), &text),
        ((run, agent, other), &text),
        ((run, agent, public), &altered),
        ((run, agent, public), "AAAA"),
        ((run, agent, public), ""),
    ] {
        assert!(seal.open(whose, text).is_err(), "{text}");
    }
    let another = SealKey::generate();
    assert!(another.open((run, agent, public), &text).is_err());
}

#[test]
fn a_sealing_key_is_read_back_and_does_not_show_itself() {
    let key = SealKey::generate();
    let text = key.danger_to_hex();
    assert_eq!(*SealKey::from_hex(&text).unwrap().0, *key.0);
    assert!(!format!("{key:?}").contains(&text[..8]));
    assert_eq!(SealKey::from_hex("hunter2").unwrap_err(), SealError::NoKey);
}
