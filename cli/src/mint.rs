//! `mint`: a root's token for its first holder.

use bailiwick::capability::{Chain, Mandate, Scope, to_text};
use bailiwick::id::Timestamp;
use serde_json::json;

use crate::input::{self, Holder, NewHolder};
use crate::output::{Exit, Fault, Output, hex};

/// Mint a token with a root's key.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file of the root's private key
    #[arg(long, value_name = "FILE")]
    root: String,
    /// The scope: a .json or .toml file, or - for JSON on standard input
    #[arg(long, value_name = "FILE")]
    scope: String,
    #[command(flatten)]
    holder: Holder,
    /// The id by which verifiers know the root
    #[arg(long, value_name = "N")]
    key_id: Option<u32>,
    /// The person or service that the token is minted for
    #[arg(long, value_name = "NAME")]
    principal: Option<String>,
    /// The purpose of the token, as a text
    #[arg(long, value_name = "TEXT")]
    intent: Option<String>,
    /// The latest time to which the token can be renewed: RFC 3339, or a lifetime from now such as 8h
    #[arg(long, value_name = "TIME|DURATION")]
    ends: Option<String>,
    /// The time at which the scope's lifetime starts; now if it is left out
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let now = input::now(args.now)?;
    let mut authority = input::authority(&args.root)?;
    if let Some(id) = args.key_id {
        authority = authority.with_key_id(id);
    }
    let mandate = Mandate {
        principal: args.principal.clone(),
        intent: args.intent.clone(),
        ends: args
            .ends
            .as_deref()
            .map(|text| end(text, now))
            .transpose()?,
    };
    let scope = input::scope(&args.scope)?;
    let holder = args.holder.key()?;
    let chain = authority
        .mint(&scope, &mandate, holder.public(), now)
        .map_err(|error| Fault::new(error.to_string()))?;
    print(&chain, &holder, out)
}

/// A moment, or a lifetime from `now` as scopes write it.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, Fault> {
    if let Ok(moment) = text.parse() {
        return Ok(moment);
    }
    let scope = json!({"grants": [], "expires_in": text});
    let bounds = Scope::from_value(&scope).and_then(|scope| scope.at(now));
    bounds.map(|bounds| bounds.caveats().expires).map_err(|_| {
        Fault::new(format!(
            "`{text}` is neither a time such as `2026-01-31T12:00:00Z` nor a lifetime such as `8h`"
        ))
    })
}

/// Writes the holder's key, if one was made, and prints the token.
pub(crate) fn print(chain: &Chain, holder: &NewHolder, out: &mut Output) -> Result<Exit, Fault> {
    let bytes = chain.to_bytes();
    let file = holder.save()?;
    if out.is_json() {
        out.object(json!({
            "token": to_text(&bytes),
            "root": chain.root().to_string(),
            "holder": chain.holder().to_string(),
            "key_file": file,
            "id": hex(&chain.id()),
            "hop": chain.depth(),
            "expires": chain.expires().to_string(),
            "ends": chain.ends().to_string(),
            "size": bytes.len(),
        }))?;
    } else {
        out.line(&to_text(&bytes))?;
        if let Some(file) = file {
            out.note(&format!(
                "the key of the holder {} is in `{file}`",
                chain.holder()
            ));
        }
    }
    Ok(Exit::Done)
}
