//! Random wire calls, with the facts and the verdict that the command line prints.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bailiwick::capability::{Authority, Call, Chain, Facts, KeyRing, PublicKey, Skip, to_text};
use serde::Serialize;
use serde_json::Value;

use crate::random::{Rng, World, grow};

/// A wire call, and what a stock library is to say of it.
#[derive(Debug, Serialize)]
pub struct Case {
    /// The token in its text form.
    pub token: String,
    /// The root's public key in hexadecimal.
    pub root: String,
    /// The facts, as `bailiwick verify --facts` printed them.
    pub facts: Vec<String>,
    /// The one policy, as it printed it.
    pub policy: String,
    /// The verdict, as it printed it.
    pub allowed: bool,
    /// The first block that refuses, where it is the authority block or a hop.
    pub block: Option<u32>,
}

/// So many random calls; at least four of ten are allowed.
#[must_use]
pub fn calls(cli: &Path, count: usize) -> Vec<Case> {
    let mut rng = Rng::new(20_261_122);
    let (mut allowed, mut denied) = (Vec::new(), Vec::new());
    while allowed.len() + denied.len() < count {
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let world = World::random(&mut rng);
        let grown = grow(&mut rng, &world, &root, &ring);
        let (call, facts) = world.ask(&mut rng, &grown.chain, 0);
        let life = Duration::from_secs(rng.below(90));
        let held = grown.held();
        // Without an audience, or where the chain is full, there is no call over the wire.
        let Ok(token) = held.wire_call(&call, &facts, life) else {
            continue;
        };
        let wire = ring.wire_call(&token).unwrap();
        for index in 0..3 {
            let (call, facts) = match index {
                0 => (call.clone(), facts.clone()),
                _ => world.ask(&mut rng, wire.chain(), index),
            };
            let case = ask(cli, &root.public(), &token, wire.chain(), &call, &facts);
            match case.allowed {
                true => allowed.push(case),
                false if denied.len() < count * 6 / 10 => denied.push(case),
                false => {}
            }
        }
    }
    allowed.extend(denied);
    allowed.truncate(count);
    allowed
}

/// Asks the command line, whose verdict must be the library's.
fn ask(
    cli: &Path,
    root: &PublicKey,
    token: &[u8],
    chain: &Chain,
    call: &Call,
    facts: &Facts,
) -> Case {
    let mut command = Command::new(cli);
    let arguments = Value::Object(call.arguments().clone()).to_string();
    let nonce: String = call.nonce().0.map(|byte| format!("{byte:02x}")).concat();
    command.arg("verify");
    let mut set = |name: &str, value: &str| {
        command.arg(format!("--{name}={value}"));
    };
    set("root", &root.to_string());
    set("tool", call.capability());
    set("args", &arguments);
    set("nonce", &nonce);
    set("now", &facts.time.to_string());
    for (name, text) in [
        ("audience", &facts.audience),
        ("task", &facts.task),
        ("step", &facts.step),
    ] {
        text.iter().for_each(|text| set(name, text));
    }
    for (name, names) in [("dataset", &facts.dataset), ("taint", &facts.taint)] {
        if let Some(names) = names {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            set(name, &names.join(","));
        }
    }
    facts.risk.iter().for_each(|risk| set("risk", risk.name()));
    facts
        .sensitivity
        .iter()
        .for_each(|level| set("sensitivity", level.name()));
    for (key, n) in &facts.used {
        set("used", &format!("{}/{}={n}", key.kind, key.id));
    }
    let output = command
        .args(["--facts", "--json"])
        .arg(to_text(token))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let printed: Value = serde_json::from_str(&text).expect(&said);
    let ours = chain.explain(call, facts, Skip::default());
    let allowed = printed["verdict"] == "allow";
    assert_eq!(allowed, ours.is_ok(), "{printed} {ours:?}");
    let block = ours.err().and_then(|refusal| refusal.hop());
    let lines = printed["facts"].as_array().expect(&said).iter();
    Case {
        token: to_text(token),
        root: root.as_bytes().map(|byte| format!("{byte:02x}")).concat(),
        facts: lines
            .map(|line| line.as_str().unwrap().to_owned())
            .collect(),
        policy: printed["policy"].as_str().unwrap().to_owned(),
        allowed,
        block: block.filter(|block| *block <= chain.depth()),
    }
}
