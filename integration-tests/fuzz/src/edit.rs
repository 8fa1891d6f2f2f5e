//! Edits of a block's structure, as someone would make them who holds the right keys.
//!
//! Blocks are those of [`Table::apart`]: each with every string and key that it names.

use bailiwick_integration_tests::random::Rng;
use biscuit_auth::format::schema::{
    Block, Check, Empty, Fact, Op, OpBinary, OpClosure, OpUnary, Predicate, PublicKey, Rule, Scope,
    Term, TermSet, op, scope, term::Content,
};

use crate::hostile::{self, PATTERNS};
use crate::intern::Table;

const OFFSET: u64 = 1024;

/// Names that mean something to a verifier, and text that means something to a parser.
const WORDS: [&str; 40] = [
    "",
    "a",
    "tool",
    "grants",
    "arg_names",
    "arg_str",
    "arg_num",
    "arg_set",
    "arg_json",
    "arg_bool",
    "arg_path",
    "arg_url",
    "arg_host",
    "arg_ip4",
    "arg_ip6",
    "time",
    "ends",
    "bailiwick",
    "agent",
    "decision",
    "principal",
    "intent",
    "approval",
    "call",
    "nonce",
    "aud",
    "task",
    "step",
    "dataset",
    "risk",
    "sensitivity",
    "taint",
    "depth",
    "used",
    "query",
    "agent.spawn",
    "fs.read",
    "/",
    ".",
    r"\A(?:.*)\z",
];
const TAILS: [&str; 9] = ["x", "/", "\"", "/..", ".", "\0", "*", r")\z", "é"];

/// Edits the block once; `others` are blocks to take pieces from.
pub fn edit(rng: &mut Rng, block: &mut Block, others: &[Block]) {
    match rng.below(26) {
        0 => shuffle(rng, &mut block.facts),
        1 | 2 => shuffle(rng, &mut block.checks),
        3 | 4 => check(rng, block, |rng, check| shuffle(rng, &mut check.queries)),
        5 => query(rng, block, |rng, rule| shuffle(rng, &mut rule.body)),
        6 => query(rng, block, |rng, rule| shuffle(rng, &mut rule.expressions)),
        7 => query(rng, block, |rng, rule| shuffle(rng, &mut rule.scope)),
        8 => ops(rng, block, shuffle),
        9 => ops(rng, block, operate),
        10 => query(rng, block, |rng, rule| {
            if let Some(predicate) = any(rng, &mut rule.body) {
                shuffle(rng, &mut predicate.terms);
            }
        }),
        11..=13 => retype(rng, block),
        14 => {
            if let Some(text) = any(rng, &mut block.symbols) {
                text.push_str(rng.pick::<&str>(&TAILS));
            }
        }
        15 => {
            if let Some(text) = any(rng, &mut block.symbols) {
                *text = (*rng.pick(&WORDS)).to_owned();
            }
        }
        16 => {
            let kind = rng.below(4) as i32;
            check(rng, block, |_, check| check.kind = Some(kind));
        }
        17 => {
            let fact = fact(rng, block);
            let at = rng.below(block.facts.len() as u64 + 1) as usize;
            block.facts.insert(at, fact);
        }
        18 => {
            let Fact { predicate: head } = fact(rng, block);
            let body = vec![fact(rng, block).predicate];
            block.rules.push(Rule {
                head,
                body,
                ..Rule::default()
            });
        }
        19 => {
            let scope = trusting(rng, block);
            match rng.below(3) {
                0 => block.scope.push(scope),
                _ => query(rng, block, |_, rule| rule.scope.push(scope)),
            }
        }
        20 => {
            if let Some(key) = any(rng, &mut block.public_keys) {
                key.key = vec![rng.below(3) as u8; 32];
            }
        }
        21 => block.context = Some((*rng.pick(&WORDS)).to_owned()),
        22 => block.symbols.push((*rng.pick(&WORDS)).to_owned()),
        23 | 24 => pattern(rng, block),
        _ => splice(rng, block, others),
    }
}

/// A pattern that is dear, in the place of one that there is or of some text.
fn pattern(rng: &mut Rng, block: &mut Block) {
    let pattern = *rng.pick::<&str>(&PATTERNS);
    match hostile::with(block, pattern) {
        Some(with) => *block = with,
        None => {
            if let Some(text) = any(rng, &mut block.symbols) {
                *text = hostile::written(pattern);
            }
        }
    }
}

/// Leaves one out, doubles one, or swaps two.
pub fn shuffle<T: Clone>(rng: &mut Rng, list: &mut Vec<T>) {
    if list.is_empty() {
        return;
    }
    let len = list.len() as u64;
    let (a, b) = (rng.below(len) as usize, rng.below(len) as usize);
    match rng.below(3) {
        0 => drop(list.remove(a)),
        1 => list.insert(b, list[a].clone()),
        _ => list.swap(a, b),
    }
}

fn any<'a, T>(rng: &mut Rng, list: &'a mut [T]) -> Option<&'a mut T> {
    let at = rng.below(list.len().max(1) as u64) as usize;
    list.get_mut(at)
}

fn check(rng: &mut Rng, block: &mut Block, change: impl FnOnce(&mut Rng, &mut Check)) {
    if let Some(check) = any(rng, &mut block.checks) {
        change(rng, check);
    }
}

fn query(rng: &mut Rng, block: &mut Block, change: impl FnOnce(&mut Rng, &mut Rule)) {
    check(rng, block, |rng, check| {
        if let Some(rule) = any(rng, &mut check.queries) {
            change(rng, rule);
        }
    });
}

fn ops(rng: &mut Rng, block: &mut Block, change: impl FnOnce(&mut Rng, &mut Vec<Op>)) {
    query(rng, block, |rng, rule| {
        if let Some(expression) = any(rng, &mut rule.expressions) {
            change(rng, &mut expression.ops);
        }
    });
}

/// Another operation in the place of one, or one more.
fn operate(rng: &mut Rng, ops: &mut Vec<Op>) {
    let content = match rng.below(4) {
        0 => op::Content::Unary(OpUnary {
            kind: rng.below(5) as i32,
            ffi_name: None,
        }),
        1 => op::Content::Closure(OpClosure {
            params: vec![1024],
            ops: ops.clone(),
        }),
        _ => op::Content::Binary(OpBinary {
            kind: rng.below(30) as i32,
            ffi_name: None,
        }),
    };
    let op = Op {
        content: Some(content),
    };
    match any(rng, ops) {
        Some(old) if rng.chance(70) => *old = op,
        _ => ops.push(op),
    }
}

/// One term of another type, or of another value.
fn retype(rng: &mut Rng, block: &mut Block) {
    let mut count = 0;
    each_term(block, &mut |_| count += 1);
    let (chosen, mut at) = (rng.below(count.max(1)), 0);
    let strings = block.symbols.len() as u64;
    each_term(block, &mut |term| {
        if at == chosen {
            *term = turned(rng, term, strings);
        }
        at += 1;
    });
}

fn turned(rng: &mut Rng, term: &Term, strings: u64) -> Term {
    let string = OFFSET + rng.below(strings + 1);
    let content = match (rng.below(12), term.content.clone()) {
        (0..=3, Some(Content::Integer(number))) => Content::Integer(match rng.below(4) {
            0 => number.wrapping_add(1),
            1 => number.wrapping_sub(1),
            2 => number.wrapping_neg(),
            _ => i64::MAX,
        }),
        (0..=3, Some(Content::Date(seconds))) => Content::Date(match rng.below(4) {
            0 => seconds.wrapping_add(1),
            1 => seconds.wrapping_sub(1),
            2 => 0,
            _ => u64::MAX,
        }),
        (0..=3, Some(Content::Bytes(mut bytes))) => {
            bytes.push(0);
            Content::Bytes(bytes)
        }
        (0..=5, Some(Content::Set(mut set))) => {
            shuffle(rng, &mut set.set);
            Content::Set(set)
        }
        (0..=3, Some(Content::String(_))) | (4, _) => Content::String(string),
        (0..=3, Some(Content::Variable(_))) | (5, _) => Content::Variable(string as u32),
        (6, _) => Content::Integer(0),
        (7, _) => Content::Date(1_800_000_000),
        (8, _) => Content::Bytes(vec![7; 32]),
        (9, _) => Content::Bool(rng.chance(50)),
        (10, _) => Content::Set(TermSet {
            set: vec![term.clone()],
        }),
        _ => Content::Null(Empty {}),
    };
    Term {
        content: Some(content),
    }
}

fn each_term(block: &mut Block, f: &mut dyn FnMut(&mut Term)) {
    fn inside(term: &mut Term, f: &mut dyn FnMut(&mut Term)) {
        f(term);
        if let Some(Content::Set(set)) = &mut term.content {
            set.set.iter_mut().for_each(|term| inside(term, f));
        }
    }
    let facts = block.facts.iter_mut().map(|fact| &mut fact.predicate);
    facts.for_each(|predicate| predicate.terms.iter_mut().for_each(|term| inside(term, f)));
    for rule in block.checks.iter_mut().flat_map(|check| &mut check.queries) {
        for predicate in &mut rule.body {
            predicate.terms.iter_mut().for_each(|term| inside(term, f));
        }
        for op in rule
            .expressions
            .iter_mut()
            .flat_map(|expression| &mut expression.ops)
        {
            if let Some(op::Content::Value(term)) = &mut op.content {
                inside(term, f);
            }
        }
    }
}

/// A fact of one of the names that mean something.
fn fact(rng: &mut Rng, block: &mut Block) -> Fact {
    block.symbols.push((*rng.pick(&WORDS)).to_owned());
    let name = OFFSET + block.symbols.len() as u64 - 1;
    let terms = (0..rng.below(3)).map(|_| {
        let content = match rng.below(4) {
            0 => Content::Integer(1),
            1 => Content::Date(1_800_000_000),
            2 => Content::Bytes(vec![7; 16]),
            _ => Content::String(OFFSET + rng.below(block.symbols.len() as u64)),
        };
        Term {
            content: Some(content),
        }
    });
    Fact {
        predicate: Predicate {
            name,
            terms: terms.collect(),
        },
    }
}

fn trusting(rng: &mut Rng, block: &mut Block) -> Scope {
    let content = match rng.below(3) {
        0 => scope::Content::ScopeType(rng.below(2) as i32),
        1 => scope::Content::PublicKey(rng.below(3) as i64),
        _ => {
            block.public_keys.push(PublicKey {
                algorithm: 0,
                key: rng.key().verifying_key().to_bytes().to_vec(),
            });
            scope::Content::PublicKey(block.public_keys.len() as i64 - 1)
        }
    };
    Scope {
        content: Some(content),
    }
}

/// A piece of another block in the place of a piece of this one.
fn splice(rng: &mut Rng, block: &mut Block, others: &[Block]) {
    let Some(other) = (!others.is_empty()).then(|| rng.pick(others)) else {
        return;
    };
    // Over this block's strings and keys.
    let mut table = Table::default();
    table.extend(block);
    let mut theirs = table.after(other);
    block.symbols.append(&mut theirs.symbols);
    block.public_keys.append(&mut theirs.public_keys);
    match rng.below(4) {
        0 => put(rng, &mut block.facts, &theirs.facts),
        1 => put(rng, &mut block.checks, &theirs.checks),
        2 => {
            let queries: Vec<Rule> = theirs
                .checks
                .into_iter()
                .flat_map(|check| check.queries)
                .collect();
            check(rng, block, |rng, check| {
                put(rng, &mut check.queries, &queries)
            });
        }
        _ => {
            let rules = theirs.checks.into_iter().flat_map(|check| check.queries);
            let bodies: Vec<_> = rules.map(|rule| (rule.body, rule.expressions)).collect();
            if bodies.is_empty() {
                return;
            }
            let (body, expressions) = rng.pick(&bodies).clone();
            query(rng, block, |_, rule| {
                rule.body.extend(body);
                rule.expressions.extend(expressions);
            });
        }
    }
}

/// Puts one of `theirs` into `ours`, in the place of one or beside the others.
fn put<T: Clone>(rng: &mut Rng, ours: &mut Vec<T>, theirs: &[T]) {
    if theirs.is_empty() {
        return;
    }
    let new = rng.pick(theirs).clone();
    let at = rng.below(ours.len() as u64 + 1) as usize;
    if at < ours.len() && rng.chance(50) {
        ours[at] = new;
    } else {
        ours.insert(at, new);
    }
}
