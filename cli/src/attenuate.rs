//! `attenuate`: a narrower token for another holder.

use bailiwick::capability::{MintError, Widens};
use bailiwick::id::Timestamp;
use serde_json::{Value, json};

use crate::input::{self, Holder, Roots};
use crate::mint;
use crate::output::{Exit, Fault, Output};

/// Derive a narrower token for another holder.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The token: its text, a file that holds it, or - for standard input
    chain: String,
    #[command(flatten)]
    roots: Roots,
    /// The file of the private key that the token names
    #[arg(long, value_name = "FILE")]
    key: String,
    /// The role of the new holder: 1 to 32 of a-z, 0-9, _, -
    #[arg(long)]
    role: String,
    /// The scope: a .json or .toml file, or - for JSON on standard input
    #[arg(long, value_name = "FILE")]
    scope: String,
    #[command(flatten)]
    holder: Holder,
    /// The time at which the scope's lifetime starts; now if it is left out
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let now = input::now(args.now)?;
    let ring = args.roots.ring()?;
    let scope = input::scope(&args.scope)?;
    let key = input::agent_key(&args.key)?;
    let verified = input::token(&args.chain)?
        .and_then(|bytes| ring.chain(&bytes))
        .and_then(|chain| chain.held_by(key));
    let held = match verified {
        Ok(held) => held,
        Err(refusal) => return out.refused(&refusal),
    };
    let holder = args.holder.key()?;
    match held.delegate(&args.role, &scope, holder.public(), now) {
        Ok(chain) => mint::print(&chain, &holder, out),
        Err(MintError::Widens(widens)) => wider(&widens, out),
        Err(error) => Err(Fault::new(error.to_string())),
    }
}

/// Each way in which the scope is wider than the token.
fn wider(widens: &Widens, out: &mut Output) -> Result<Exit, Fault> {
    if out.is_json() {
        let ways: Vec<Value> = widens
            .excesses()
            .iter()
            .map(|way| json!({"place": way.place(), "undecided": way.undecided(), "explanation": way.to_string()}))
            .collect();
        out.object(json!({"verdict": "deny", "kind": "widens", "hop": null, "ways": ways}))?;
    } else {
        out.line("deny: widens: the scope is wider than the token that it is derived from")?;
        for way in widens.excesses() {
            out.line(&format!("  {way}"))?;
        }
    }
    Ok(Exit::Denied)
}
