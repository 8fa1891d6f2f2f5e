//! `inspect`: what a token allows, hop by hop, and what it discloses.

use bailiwick::capability::{Bounds, Chain, Grants, Hop};
use serde_json::{Value, json};

use crate::input::{self, Possession, Roots, Token};
use crate::output::{Exit, Fault, Output, hex};

/// How many hexadecimal digits of an id are shown to people.
const SHORT: usize = 16;

/// Show what a token allows, hop by hop.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The token: its text, a file that holds it, or - for standard input
    chain: String,
    #[command(flatten)]
    roots: Roots,
    /// The file of the holder's private key, to check that it is the key that the token names
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// Show each block as Datalog too
    #[arg(long)]
    datalog: bool,
    /// Show what the token discloses to a server that is called with it
    #[arg(long)]
    disclose: bool,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let ring = args.roots.ring()?;
    let key = args.key.as_deref().map(input::agent_key).transpose()?;
    let verified = input::token(&args.chain)?
        .and_then(|bytes| Ok((bytes.len(), Token::verify(&ring, &bytes)?)));
    let verified = verified.and_then(|(size, token)| Ok((size, token.possession(key)?, token)));
    let (size, possession, token) = match verified {
        Ok(verified) => verified,
        Err(refusal) => return out.refused(&refusal),
    };
    if out.is_json() {
        out.object(object(args, size, possession, &token))?;
    } else {
        rows(args, size, possession, &token, out)?;
    }
    Ok(Exit::Done)
}

fn object(args: &Args, size: usize, possession: Possession, token: &Token) -> Value {
    let chain = token.chain();
    let hops: Vec<Value> = chain
        .hops()
        .map(|hop| {
            let mut row = json!({
                "hop": hop.number,
                "role": hop.role,
                "scope": hop.bounds.to_json(),
                "words": hop.bounds.lines(),
                "expires": hop.bounds.caveats().expires.to_string(),
                "id": hex(&hop.id),
                "holder": hop.holder.to_string(),
                "size": hop.size,
                "decision": hop.decision,
            });
            if args.datalog
                && let Value::Object(row) = &mut row
            {
                row.insert("datalog".to_owned(), hop.datalog().into());
            }
            row
        })
        .collect();
    let effective = effective(chain);
    let mut object = json!({
        "possession": possession.name(),
        "root": chain.root().to_string(),
        "key_id": chain.key_id(),
        "lineage": hex(&chain.lineage()),
        "principal": chain.principal(),
        "intent": chain.intent(),
        "ends": chain.ends().to_string(),
        "expires": chain.expires().to_string(),
        "holder": chain.holder().to_string(),
        "size": size,
        "hops": hops,
        "call": match token {
            Token::Chain(_) => Value::Null,
            Token::Call(call) => json!({"nonce": hex(&call.nonce()), "expires": call.expires().to_string()}),
        },
        "effective": effective.as_ref().ok().map(Bounds::to_json),
        "effective_fault": effective.as_ref().err(),
    });
    if args.disclose
        && let Value::Object(object) = &mut object
    {
        let seen = disclosed(chain)
            .into_iter()
            .map(|(what, value)| json!({"what": what, "value": value}));
        object.insert("disclosed".to_owned(), seen.collect());
    }
    object
}

fn rows(
    args: &Args,
    size: usize,
    possession: Possession,
    token: &Token,
    out: &mut Output,
) -> Result<(), Fault> {
    let chain = token.chain();
    out.line(possession.words())?;
    let key_id = chain
        .key_id()
        .map_or_else(String::new, |id| format!(", key id {id}"));
    out.line(&format!("root       {}{key_id}", chain.root()))?;
    out.line(&format!("lineage    {}", hex(&chain.lineage())))?;
    if let Some(principal) = chain.principal() {
        out.line(&format!("principal  {principal}"))?;
    }
    if let Some(intent) = chain.intent() {
        out.line(&format!("intent     {intent}"))?;
    }
    out.line(&format!(
        "expires    {}, renewed at most until {}",
        chain.expires(),
        chain.ends()
    ))?;
    out.line(&format!("size       {size} bytes"))?;
    if let Token::Call(call) = token {
        out.line(&format!(
            "call       nonce {}, before {}",
            hex(&call.nonce()),
            call.expires()
        ))?;
    }
    for hop in chain.hops() {
        out.line("")?;
        row(args, &hop, out)?;
    }
    out.line("")?;
    match effective(chain) {
        Ok(bounds) => {
            out.line("all hops together")?;
            bounds
                .lines()
                .iter()
                .try_for_each(|line| out.line(&format!("  {line}")))?;
        }
        Err(fault) => out.line(&format!(
            "all hops together: they cannot be written as one scope ({fault}); a call must pass each hop"
        ))?,
    }
    if args.disclose {
        out.line("")?;
        out.line("a server that is called with this token sees")?;
        for (what, value) in disclosed(chain) {
            out.line(&format!("  {what}: {value}"))?;
        }
    }
    Ok(())
}

fn row(args: &Args, hop: &Hop<'_>, out: &mut Output) -> Result<(), Fault> {
    let id: String = hex(&hop.id).chars().take(SHORT).collect();
    out.line(&format!(
        "hop {}  {}  expires {}  id {id}…  holder {}  {} bytes",
        hop.number,
        hop.role.unwrap_or("(root)"),
        hop.bounds.caveats().expires,
        hop.holder,
        hop.size
    ))?;
    if let Some(decision) = hop.decision {
        out.line(&format!("  renewed by the decision {decision}"))?;
    }
    hop.bounds
        .lines()
        .iter()
        .try_for_each(|line| out.line(&format!("  {line}")))?;
    if args.datalog {
        hop.datalog()
            .iter()
            .try_for_each(|line| out.line(&format!("  | {line}")))?;
    }
    Ok(())
}

/// What all blocks allow together, or why it cannot be written as one scope.
fn effective(chain: &Chain) -> Result<Bounds, String> {
    let blocks: Vec<&Bounds> = chain.bounds().collect();
    Bounds::effective(&blocks).map_err(|error| error.to_string())
}

/// All that a wire call carries beside the call: it holds the whole chain.
fn disclosed(chain: &Chain) -> Vec<(String, String)> {
    let mut seen = vec![("the root's key".to_owned(), chain.root().to_string())];
    let mut add = |what: &str, value: String| seen.push((what.to_owned(), value));
    if let Some(id) = chain.key_id() {
        add("the root's key id", id.to_string());
    }
    add(
        "the lineage, the same in every token of the run",
        hex(&chain.lineage()),
    );
    if let Some(principal) = chain.principal() {
        add("for whom the token was minted", principal.to_owned());
    }
    if let Some(intent) = chain.intent() {
        add("what for", intent.to_owned());
    }
    add("the end of all renewals", chain.ends().to_string());
    for hop in chain.hops() {
        let at = |what: &str| format!("hop {}, {what}", hop.number);
        let mut add = |what: &str, value: String| seen.push((at(what), value));
        if let Some(role) = hop.role {
            add("role", role.to_owned());
        }
        if let Some(decision) = hop.decision {
            add("decision", decision.to_owned());
        }
        add(
            "holder, the same key in each of its calls",
            hop.holder.to_string(),
        );
        match hop.bounds.grants() {
            Grants::Inherit => add("grants", "as before".to_owned()),
            Grants::Only(grants) if grants.is_empty() => add("grants", "none".to_owned()),
            Grants::Only(grants) => grants
                .iter()
                .for_each(|grant| add("grant", grant.to_string())),
        }
        let words = hop.bounds.lines();
        let granted = match hop.bounds.grants() {
            Grants::Only(grants) if !grants.is_empty() => grants.len(),
            _ => 1,
        };
        words
            .into_iter()
            .skip(granted)
            .for_each(|line| add("caveat", line));
    }
    seen.push((
        "of the call".to_owned(),
        "its capability, audience, end, nonce, and a digest; the arguments are in the request itself".to_owned(),
    ));
    seen
}
