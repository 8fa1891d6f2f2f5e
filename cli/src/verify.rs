//! `verify`: whether a token allows a call, and why not.

use std::collections::BTreeSet;

use bailiwick::capability::{
    Call, CallNonce, Chain, Facts, Refusal, Risk, Sensitivity, Skip, canonical, stock_facts,
};
use bailiwick::id::Timestamp;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::input::{self, Roots, Token};
use crate::output::{Exit, Fault, Output, refusal_json};
use crate::used::Used;

/// The one policy that a stock library is given.
const POLICY: &str = "allow if tool($t), grants($g), $g.contains($t)";

/// Check whether a token allows a call, and explain a denial.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The token or wire call: its text, a file that holds it, or - for standard input
    chain: String,
    #[command(flatten)]
    roots: Roots,
    /// The capability that is called, such as fs.read
    #[arg(long, value_name = "NAME")]
    tool: String,
    /// An argument: JSON, or else a string; may be given several times
    #[arg(long = "arg", value_name = "NAME=VALUE", conflicts_with = "args")]
    arg: Vec<String>,
    /// All arguments as one JSON object
    #[arg(long, value_name = "JSON")]
    args: Option<String>,
    /// The time of the call; now if it is left out
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The verifier's own name
    #[arg(long, value_name = "NAME")]
    audience: Option<String>,
    /// The task that the call belongs to
    #[arg(long, value_name = "NAME")]
    task: Option<String>,
    /// The step of the plan
    #[arg(long, value_name = "NAME")]
    step: Option<String>,
    /// The data sets that the call touches, separated by commas; '' for no data set
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    dataset: Option<Vec<String>>,
    /// The risk of the tool: low, medium, high or critical
    #[arg(long)]
    risk: Option<Risk>,
    /// The sensitivity of the data: public, internal, confidential or restricted
    #[arg(long)]
    sensitivity: Option<Sensitivity>,
    /// The taint of the run, separated by commas; '' for no taint
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    taint: Option<Vec<String>>,
    /// The use of a budget after the call: of every counter of a kind, or of one counter
    #[arg(long, value_name = "KIND[/LABEL]=N")]
    used: Vec<String>,
    /// The file of the holder's private key, to check that it is the key that the token names
    #[arg(long, value_name = "FILE")]
    key: Option<String>,
    /// The id of the call: 32 hexadecimal digits; a wire call carries its own
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// Print the facts and the policy that a stock Biscuit library must be given
    #[arg(long)]
    facts: bool,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let ring = args.roots.ring()?;
    let key = args.key.as_deref().map(input::agent_key).transpose()?;
    let mut facts = facts(args)?;
    let used = used(&args.used)?;
    let arguments = arguments(args)?;
    let nonce = args.nonce.as_deref().map(nonce).transpose()?;
    let verified = input::token(&args.chain)?.and_then(|bytes| Token::verify(&ring, &bytes));
    let token = match verified {
        Ok(token) => token,
        Err(refusal) => return out.refused(&refusal),
    };
    let possession = match token.possession(key) {
        Ok(possession) => possession,
        Err(refusal) => return out.refused(&refusal),
    };
    let chain = token.chain();
    used.count(chain, &mut facts);
    let nonce = match &token {
        Token::Call(call) => Some(nonce.unwrap_or_else(|| CallNonce(call.nonce()))),
        Token::Chain(_) => nonce,
    };
    let call = Call::parse(args.tool.as_str(), &arguments).and_then(|call| match nonce {
        Some(nonce) => Call::with_nonce(args.tool.as_str(), call.arguments().clone(), nonce),
        None => Ok(call),
    });
    let verdict = call
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|call| chain.explain(call, &facts, Skip::default()));
    let stock = match &call {
        Ok(call) if args.facts => Some(stock(call, &facts, chain, nonce.is_some())),
        _ => None,
    };
    if out.is_json() {
        let mut object = match &verdict {
            Ok(()) => json!({"verdict": "allow", "kind": null, "hop": null, "explanation": null}),
            Err(refusal) => refusal_json(refusal),
        };
        if let Value::Object(object) = &mut object {
            object.insert("possession".to_owned(), possession.name().into());
            if let Some(stock) = stock {
                object.insert("facts".to_owned(), stock.into());
                object.insert("policy".to_owned(), POLICY.into());
            }
        }
        out.object(object)?;
    } else {
        text(&verdict, out)?;
        out.line(possession.words())?;
        if let Some(stock) = stock {
            stock
                .iter()
                .try_for_each(|fact| out.line(&format!("{fact};")))?;
            out.line(&format!("{POLICY};"))?;
        }
    }
    Ok(if verdict.is_ok() {
        Exit::Done
    } else {
        Exit::Denied
    })
}

fn text(verdict: &Result<(), Refusal>, out: &mut Output) -> Result<(), Fault> {
    match verdict {
        Ok(()) => out.line("allow"),
        Err(refusal) => out.line(&format!("deny: {refusal}")),
    }
}

/// The facts as Datalog. The digest is a fact only where the call's id is known.
fn stock(call: &Call, facts: &Facts, chain: &Chain, known: bool) -> Vec<String> {
    let digest = call.digest(
        &chain.holder(),
        facts.task.as_deref(),
        facts.audience.as_deref(),
    );
    stock_facts(
        call,
        facts,
        chain.depth(),
        known.then_some((digest, call.nonce().0)),
    )
}

fn facts(args: &Args) -> Result<Facts, Fault> {
    let set = |names: &Option<Vec<String>>| -> Option<BTreeSet<String>> {
        let names = names.as_ref()?;
        Some(
            names
                .iter()
                .filter(|name| !name.is_empty())
                .cloned()
                .collect(),
        )
    };
    let mut facts = Facts::at(input::now(args.now)?);
    facts.audience.clone_from(&args.audience);
    facts.task.clone_from(&args.task);
    facts.step.clone_from(&args.step);
    facts.dataset = set(&args.dataset);
    facts.risk = args.risk;
    facts.sensitivity = args.sensitivity;
    facts.taint = set(&args.taint);
    Ok(facts)
}

fn used(given: &[String]) -> Result<Used, Fault> {
    let mut used = Used::default();
    for text in given {
        let wrong = || {
            Fault::new(format!(
                "`--used {text}` is not written `kind=n` or `kind/label=n`"
            ))
        };
        let (counter, n) = text.split_once('=').ok_or_else(wrong)?;
        let n = n.parse().map_err(|_| wrong())?;
        match counter.split_once('/') {
            Some((kind, label)) => used.counter(kind, label, n),
            None => used.kind(counter, n),
        }
    }
    Ok(used)
}

/// The arguments as JSON text, to be read as strictly as any.
fn arguments(args: &Args) -> Result<String, Fault> {
    if let Some(text) = &args.args {
        return Ok(text.clone());
    }
    let mut members = Vec::new();
    for text in &args.arg {
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| Fault::new(format!("`--arg {text}` is not written `name=value`")))?;
        // Text that is JSON is read as JSON, even if it is then refused; any other text is a string.
        let value = match serde_json::from_str::<IgnoredAny>(value) {
            Ok(_) => value.to_owned(),
            Err(_) => canonical::write(&value.into()),
        };
        members.push(format!("{}:{value}", canonical::write(&name.into())));
    }
    Ok(format!("{{{}}}", members.join(",")))
}

fn nonce(text: &str) -> Result<CallNonce, Fault> {
    let wrong = || Fault::new(format!("`{text}` is not a nonce of 32 hexadecimal digits"));
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong());
    }
    let number = u128::from_str_radix(text, 16).map_err(|_| wrong())?;
    Ok(CallNonce(number.to_be_bytes()))
}
