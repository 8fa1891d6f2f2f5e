//! Datalog as text, every string escaped: for people to read, and for stock libraries to parse.
//!
//! `biscuit_auth`'s own printer does not escape strings, so its output is never shown or parsed.

use std::fmt::Write as _;

use biscuit_auth::format::schema::{
    self, Op, Predicate, Rule, Term, op, op_binary, op_unary, scope, term::Content,
};

use super::super::call::Call;
use super::super::facts::Facts;
use super::grant::halves;
use super::query::{Query, bytes, date, int, of, set_of};
use super::table::Table;
use super::write::fact;
use crate::id::Timestamp;
use crate::id::hex::Hex;

/// The facts of a call as a stock Biscuit library must be given them, one Datalog line each.
///
/// `depth` is the number of hops of the chain; `wire` is the digest and nonce of the call where
/// there is a call block or an approval to satisfy.
#[must_use]
pub fn stock_facts(
    call: &Call,
    facts: &Facts,
    depth: u32,
    wire: Option<([u8; 32], [u8; 16])>,
) -> Vec<String> {
    let mut table = Table::default();
    let table = &mut table;
    let mut all = Vec::new();
    let mut add =
        |table: &mut Table, name: &str, terms: Vec<Term>| all.push(fact(table, name, |_| terms));
    let str = |table: &mut Table, text: &str| of(Content::String(table.intern(text)));
    let strs = |table: &mut Table, set: &mut dyn Iterator<Item = &str>| {
        let set = set
            .map(|text| of(Content::String(table.intern(text))))
            .collect();
        set_of(set)
    };

    let term = str(table, call.capability());
    add(table, "tool", vec![term]);
    let term = strs(table, &mut call.args().iter().map(|arg| arg.name.as_str()));
    add(table, "arg_names", vec![term]);
    for arg in call.args() {
        let label = str(table, &arg.name);
        let reading = &arg.reading;
        let texts = [
            ("arg_str", &reading.str),
            ("arg_path", &reading.path),
            ("arg_host", &reading.host),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                let term = str(table, text);
                add(table, name, vec![label.clone(), term]);
            }
        }
        let url = reading.url.as_ref().map(|url| {
            let (scheme, host, path) = (
                str(table, &url.scheme),
                str(table, &url.host),
                str(table, &url.path),
            );
            (
                "arg_url",
                vec![label.clone(), scheme, host, int(i64::from(url.port)), path],
            )
        });
        let set = reading
            .set
            .as_ref()
            .map(|set| ("arg_set", vec![label.clone(), Query::new(table).atoms(set)]));
        let others = [
            reading
                .bool
                .map(|truth| ("arg_bool", vec![label.clone(), of(Content::Bool(truth))])),
            reading
                .num
                .map(|number| ("arg_num", vec![label.clone(), int(number.micros())])),
            reading
                .json
                .map(|hash| ("arg_json", vec![label.clone(), bytes(&hash)])),
            reading
                .ip4
                .map(|ip| ("arg_ip4", vec![label.clone(), int(i64::from(ip))])),
            reading.ip6.map(|ip| {
                (
                    "arg_ip6",
                    vec![label.clone(), int(halves(ip).0), int(halves(ip).1)],
                )
            }),
            url,
            set,
        ];
        for (name, terms) in others.into_iter().flatten() {
            add(table, name, terms);
        }
    }
    add(table, "time", vec![date(facts.time)]);
    for (name, text) in [
        ("aud", &facts.audience),
        ("task", &facts.task),
        ("step", &facts.step),
    ] {
        if let Some(text) = text {
            let term = str(table, text);
            add(table, name, vec![term]);
        }
    }
    for (name, set) in [("dataset", &facts.dataset), ("taint", &facts.taint)] {
        if let Some(set) = set {
            let term = strs(table, &mut set.iter().map(String::as_str));
            add(table, name, vec![term]);
        }
    }
    let ranks = [
        ("risk", facts.risk.map(|risk| i64::from(risk.rank()))),
        (
            "sensitivity",
            facts
                .sensitivity
                .map(|sensitivity| i64::from(sensitivity.rank())),
        ),
        ("depth", Some(i64::from(depth))),
    ];
    for (name, rank) in ranks {
        if let Some(rank) = rank {
            add(table, name, vec![int(rank)]);
        }
    }
    for (key, n) in &facts.used {
        // A count past i64 is past every budget, as is the greatest i64 but one.
        let (kind, id) = (str(table, &key.kind), str(table, &key.id));
        add(
            table,
            "used",
            vec![kind, id, int(i64::try_from(*n).unwrap_or(i64::MAX))],
        );
    }
    if let Some((digest, nonce)) = wire {
        add(table, "call", vec![bytes(&digest)]);
        add(table, "nonce", vec![bytes(&nonce)]);
    }
    all.iter()
        .map(|fact| predicate(&fact.predicate, table))
        .collect()
}

/// The facts and checks of a block, one line each.
pub(super) fn lines(block: &schema::Block, table: &Table) -> Vec<String> {
    let facts = block
        .facts
        .iter()
        .map(|fact| predicate(&fact.predicate, table));
    let checks = block.checks.iter().map(|check| {
        let queries: Vec<String> = check
            .queries
            .iter()
            .map(|rule| query(rule, table))
            .collect();
        format!("check if {}", queries.join(" or "))
    });
    facts.chain(checks).collect()
}

fn predicate(predicate: &Predicate, table: &Table) -> String {
    let terms: Vec<String> = predicate
        .terms
        .iter()
        .map(|value| term(value, table))
        .collect();
    format!(
        "{}({})",
        table.string(predicate.name).unwrap_or("?"),
        terms.join(", ")
    )
}

fn query(rule: &Rule, table: &Table) -> String {
    let mut parts: Vec<String> = rule
        .body
        .iter()
        .map(|part| predicate(part, table))
        .collect();
    parts.extend(
        rule.expressions
            .iter()
            .map(|expression| infix(&expression.ops, table)),
    );
    let mut text = parts.join(", ");
    for scope in &rule.scope {
        if let Some(scope::Content::PublicKey(index)) = scope.content {
            let key = table
                .key(index)
                .map_or_else(|| "?".to_owned(), ToString::to_string);
            let _ = write!(text, " trusting {key}");
        }
    }
    text
}

fn infix(ops: &[Op], table: &Table) -> String {
    use op_binary::Kind as Bin;
    let mut stack: Vec<String> = Vec::new();
    for op in ops {
        match &op.content {
            Some(op::Content::Value(value)) => stack.push(term(value, table)),
            Some(op::Content::Unary(unary)) if unary.kind == op_unary::Kind::Negate as i32 => {
                let operand = stack.pop().unwrap_or_default();
                stack.push(format!("!{operand}"));
            }
            Some(op::Content::Binary(binary)) => {
                let (right, left) = (
                    stack.pop().unwrap_or_default(),
                    stack.pop().unwrap_or_default(),
                );
                stack.push(match Bin::from_i32(binary.kind) {
                    Some(Bin::LessThan) => format!("{left} < {right}"),
                    Some(Bin::LessOrEqual) => format!("{left} <= {right}"),
                    Some(Bin::GreaterOrEqual) => format!("{left} >= {right}"),
                    Some(Bin::Equal) => format!("{left} === {right}"),
                    Some(Bin::And) => format!("{left} && {right}"),
                    Some(Bin::Or) => format!("{left} || {right}"),
                    Some(Bin::Contains) => format!("{left}.contains({right})"),
                    Some(Bin::Prefix) => format!("{left}.starts_with({right})"),
                    Some(Bin::Suffix) => format!("{left}.ends_with({right})"),
                    Some(Bin::Regex) => format!("{left}.matches({right})"),
                    Some(Bin::Union) => format!("{left}.union({right})"),
                    _ => format!("?({left}, {right})"),
                });
            }
            _ => stack.push("?".to_owned()),
        }
    }
    stack.pop().unwrap_or_default()
}

fn term(term: &Term, table: &Table) -> String {
    match &term.content {
        Some(Content::Variable(index)) => {
            format!("${}", table.string(u64::from(*index)).unwrap_or("?"))
        }
        Some(Content::Integer(value)) => value.to_string(),
        Some(Content::String(index)) => quoted(table.string(*index).unwrap_or("?")),
        Some(Content::Date(seconds)) => Timestamp::from_secs(*seconds)
            .map_or_else(|| "?".to_owned(), |moment| moment.to_string()),
        Some(Content::Bytes(value)) => format!("hex:{}", Hex(value)),
        Some(Content::Bool(truth)) => truth.to_string(),
        Some(Content::Set(set)) if set.set.is_empty() => "{,}".to_owned(),
        Some(Content::Set(set)) => {
            let items: Vec<String> = set.set.iter().map(|item| self::term(item, table)).collect();
            // `{true}` and `{hex:00}` are parameters to Biscuit's parser, and with a space are not.
            let space = if items.len() == 1 && !items.concat().starts_with('"') {
                " "
            } else {
                ""
            };
            format!("{{{space}{}}}", items.join(", "))
        }
        _ => "?".to_owned(),
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
