//! Datalog as text, with every string escaped: for people to read, and for stock libraries to parse.
//!
//! `biscuit_auth`'s own printer does not escape strings, so its output is never shown or parsed.

use std::fmt::Write as _;

use super::grant::halves;
use super::query::Bin;
use super::raw::{Op, Predicate, RawBlock, Rule, Term};
use super::table::Table;
use crate::capability::value::{Atom, Call, Facts, Given, Label};
use crate::id::Timestamp;
use crate::id::hex::Hex;

/// The facts of a call as a stock Biscuit library must be given them, one Datalog line each.
///
/// `depth` is the number of hops of the chain; `wire` is the digest and nonce of the call if there
/// is a call block or an approval to satisfy.
#[must_use]
pub fn stock_facts(
    call: &Call,
    facts: &Facts,
    depth: u32,
    wire: Option<([u8; 32], [u8; 16])>,
) -> Vec<String> {
    let mut all = Vec::new();
    let mut add = |name: &str, terms: &[String]| all.push(format!("{name}({})", terms.join(", ")));
    let strs = |set: &mut dyn Iterator<Item = &str>| set_of(set.map(quoted).collect());

    add("tool", &[quoted(call.capability())]);
    let names = strs(&mut call.args().iter().map(|arg| arg.name.as_str()));
    add("arg_names", &[names]);
    for arg in call.args() {
        let (label, reading) = (quoted(&arg.name), &arg.reading);
        let mut one = |name: &str, term: Option<String>| {
            if let Some(term) = term {
                add(name, &[label.clone(), term]);
            }
        };
        one("arg_str", reading.str.as_deref().map(quoted));
        one("arg_path", reading.path.as_deref().map(quoted));
        one("arg_host", reading.host.as_deref().map(quoted));
        one("arg_bool", reading.bool.map(|truth| truth.to_string()));
        one(
            "arg_num",
            reading.num.map(|number| number.micros().to_string()),
        );
        one("arg_json", reading.json.map(|hash| hex(&hash)));
        one("arg_ip4", reading.ip4.map(|ip| ip.to_string()));
        let set = reading.set.as_ref();
        one(
            "arg_set",
            set.map(|set| set_of(set.iter().map(atom).collect())),
        );
        if let Some(ip) = reading.ip6 {
            let (high, low) = halves(ip);
            add(
                "arg_ip6",
                &[label.clone(), high.to_string(), low.to_string()],
            );
        }
        if let Some(url) = &reading.url {
            let (scheme, host) = (quoted(&url.scheme), quoted(&url.host));
            add(
                "arg_url",
                &[label, scheme, host, url.port.to_string(), quoted(&url.path)],
            );
        }
    }
    add("time", &[facts.time.to_string()]);
    for label in Label::ALL {
        let term = match facts.given(label) {
            Some(Given::One(name)) => quoted(name),
            Some(Given::Set(names)) => strs(&mut names.iter().map(String::as_str)),
            None => continue,
        };
        add(label.predicate(), &[term]);
    }
    if let Some(risk) = facts.risk {
        add("risk", &[risk.rank().to_string()]);
    }
    if let Some(sensitivity) = facts.sensitivity {
        add("sensitivity", &[sensitivity.rank().to_string()]);
    }
    add("depth", &[depth.to_string()]);
    for (key, n) in &facts.used {
        // A count above i64 is past every budget. The greatest i64, which is written for it, is past
        // every budget but the one with that maximum.
        let n = i64::try_from(*n).unwrap_or(i64::MAX);
        add("used", &[quoted(&key.kind), quoted(&key.id), n.to_string()]);
    }
    if let Some((digest, nonce)) = wire {
        add("call", &[hex(&digest)]);
        add("nonce", &[hex(&nonce)]);
    }
    all
}

/// The facts and checks of a block in profile, one line each.
pub(super) fn lines(block: &[u8], table: &Table) -> Vec<String> {
    let Ok(block) = RawBlock::of(block) else {
        return Vec::new();
    };
    let facts = block.facts().flatten().map(|fact| predicate(&fact, table));
    let checks = block.checks().flatten().map(|check| {
        let queries = check.queries().flatten().map(|rule| query(&rule, table));
        format!("check if {}", queries.collect::<Vec<_>>().join(" or "))
    });
    facts.chain(checks).collect()
}

fn predicate(predicate: &Predicate<'_>, table: &Table) -> String {
    let terms = predicate.terms().iter().map(|value| term(*value, table));
    format!(
        "{}({})",
        table.string(predicate.name).unwrap_or("?"),
        terms.collect::<Vec<_>>().join(", ")
    )
}

fn query(rule: &Rule<'_>, table: &Table) -> String {
    let body = rule.body().flatten().map(|part| predicate(&part, table));
    let expressions = rule.expressions().map(|ops| infix(ops.flatten(), table));
    let mut text = body.chain(expressions).collect::<Vec<_>>().join(", ");
    if let Some(index) = rule.trusting {
        let key = table.key(index);
        let key = key.map_or_else(|| "?".to_owned(), ToString::to_string);
        let _ = write!(text, " trusting {key}");
    }
    text
}

fn infix<'a>(ops: impl Iterator<Item = Op<'a>>, table: &Table) -> String {
    let mut stack: Vec<String> = Vec::new();
    for op in ops {
        let text = match op {
            Op::Value(value) => term(value, table),
            Op::Negate => format!("!{}", stack.pop().unwrap_or_default()),
            Op::Binary(kind) => {
                let right = stack.pop().unwrap_or_default();
                let left = stack.pop().unwrap_or_default();
                match kind {
                    Bin::LessThan => format!("{left} < {right}"),
                    Bin::LessOrEqual => format!("{left} <= {right}"),
                    Bin::GreaterOrEqual => format!("{left} >= {right}"),
                    Bin::Equal => format!("{left} === {right}"),
                    Bin::And => format!("{left} && {right}"),
                    Bin::Or => format!("{left} || {right}"),
                    Bin::Contains => format!("{left}.contains({right})"),
                    Bin::Prefix => format!("{left}.starts_with({right})"),
                    Bin::Suffix => format!("{left}.ends_with({right})"),
                    Bin::Regex => format!("{left}.matches({right})"),
                    Bin::Union => format!("{left}.union({right})"),
                    _ => format!("?({left}, {right})"),
                }
            }
        };
        stack.push(text);
    }
    stack.pop().unwrap_or_default()
}

fn term(term: Term<'_>, table: &Table) -> String {
    match term {
        Term::Variable(index) => format!("${}", table.string(index.into()).unwrap_or("?")),
        Term::Integer(value) => value.to_string(),
        Term::String(index) => quoted(table.string(index).unwrap_or("?")),
        Term::Date(seconds) => Timestamp::from_secs(seconds)
            .map_or_else(|| "?".to_owned(), |moment| moment.to_string()),
        Term::Bytes(value) => hex(value),
        Term::Bool(truth) => truth.to_string(),
        Term::Set(set) => {
            let items = set.terms().flatten();
            set_of(items.map(|item| self::term(item, table)).collect())
        }
    }
}

fn atom(atom: &Atom) -> String {
    match atom {
        Atom::Str(text) => quoted(text),
        Atom::Bool(truth) => truth.to_string(),
        Atom::Num(number) => number.micros().to_string(),
        Atom::Hash(hash) => hex(hash),
    }
}

fn hex(bytes: &[u8]) -> String {
    format!("hex:{}", Hex(bytes))
}

fn set_of(items: Vec<String>) -> String {
    match items.as_slice() {
        [] => "{,}".to_owned(),
        // `{true}` and `{hex:00}` are parameters to Biscuit's parser, and with a space are not.
        [item] if !item.starts_with('"') => format!("{{ {item}}}"),
        items => format!("{{{}}}", items.join(", ")),
    }
}

/// A string literal of Biscuit's Datalog: only `\`, `"` and the newline have escapes.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
