//! Blocks without the chain that interned them, so that a block that was moved or edited can be
//! written in the one spelling that its new place asks for.

use biscuit_auth::format::schema::{
    Block, Op, Predicate, PublicKey, Rule, SignedBlock, Term, map_key, op, scope, term::Content,
};
use prost::Message as _;

/// The index of the first string that a token adds to those that every implementation knows.
const OFFSET: u64 = 1024;

/// What every implementation knows (Biscuit specification, symbol table).
const KNOWN: [&str; 28] = [
    "read",
    "write",
    "resource",
    "operation",
    "right",
    "time",
    "role",
    "owner",
    "tenant",
    "namespace",
    "user",
    "team",
    "service",
    "admin",
    "email",
    "group",
    "member",
    "ip_address",
    "client",
    "client_ip",
    "domain",
    "path",
    "version",
    "cluster",
    "node",
    "hostname",
    "nonce",
    "query",
];

/// The strings and keys that the first-party blocks of a chain have named.
#[derive(Clone, Debug, Default)]
pub struct Table {
    strings: Vec<String>,
    keys: Vec<PublicKey>,
}

impl Table {
    /// Takes up what a block adds.
    pub fn extend(&mut self, block: &Block) {
        self.strings.extend(block.symbols.iter().cloned());
        self.keys.extend(block.public_keys.iter().cloned());
    }

    /// The table after these blocks.
    #[must_use]
    pub fn of(blocks: &[SignedBlock]) -> Self {
        let mut table = Self::default();
        // A third party's block has strings of its own, which the chain does not share.
        for signed in blocks
            .iter()
            .filter(|block| block.external_signature.is_none())
        {
            if let Ok(block) = Block::decode(signed.block.as_slice()) {
                table.extend(&block);
            }
        }
        table
    }

    /// The block over a table of its own, in which every string and key that it names stands.
    #[must_use]
    pub fn apart(&self, block: &Block) -> Block {
        let mut all = self.clone();
        all.extend(block);
        let mut own = Self::default();
        rewrite(block, &all, &mut own)
    }

    /// The block that [`Table::apart`] made as it stands after the chain of this table, which takes
    /// up what it adds.
    #[must_use]
    pub fn after(&mut self, block: &Block) -> Block {
        let mut own = Self::default();
        own.extend(block);
        rewrite(block, &own, self)
    }

    fn string(&mut self, text: String) -> u64 {
        if let Some(index) = KNOWN.iter().position(|known| *known == text) {
            return index as u64;
        }
        let known = self.strings.iter().position(|known| *known == text);
        OFFSET
            + known.unwrap_or_else(|| {
                self.strings.push(text);
                self.strings.len() - 1
            }) as u64
    }

    fn key(&mut self, key: PublicKey) -> i64 {
        let known = self.keys.iter().position(|known| *known == key);
        known.unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() - 1
        }) as i64
    }
}

/// Gives the block the least version of Datalog that it needs.
pub fn least_version(block: &mut Block, third_party: bool) {
    let mut rules = block.checks.iter().flat_map(|check| &check.queries);
    let trusting = rules.any(|rule| !rule.scope.is_empty());
    block.version = Some(match (third_party, trusting) {
        (true, _) => 5,
        (false, true) => 4,
        (false, false) => 3,
    });
}

fn rewrite(block: &Block, from: &Table, to: &mut Table) -> Block {
    let (strings, keys) = (to.strings.len(), to.keys.len());
    let mut block = block.clone();
    let mut walk = Walk { from, to };
    for fact in &mut block.facts {
        walk.string(&mut fact.predicate.name);
        walk.terms(&mut fact.predicate.terms);
    }
    for rule in &mut block.rules {
        walk.rule(rule);
    }
    for check in &mut block.checks {
        check.queries.iter_mut().for_each(|rule| walk.rule(rule));
    }
    walk.scopes(&mut block.scope);
    block.symbols = to.strings[strings..].to_vec();
    block.public_keys = to.keys[keys..].to_vec();
    block
}

/// One walk over a block, in the order in which a writer interns: a predicate's terms before its
/// name, an expression as soon as its variables are there.
struct Walk<'a> {
    from: &'a Table,
    to: &'a mut Table,
}

impl Walk<'_> {
    fn string(&mut self, index: &mut u64) {
        // What every implementation knows, and what points nowhere, stays as it is.
        let own = index
            .checked_sub(OFFSET)
            .and_then(|own| usize::try_from(own).ok());
        if let Some(text) = own.and_then(|own| self.from.strings.get(own)) {
            *index = self.to.string(text.clone());
        }
    }

    fn variable(&mut self, index: &mut u32) {
        let mut wide = u64::from(*index);
        self.string(&mut wide);
        *index = u32::try_from(wide).unwrap_or(u32::MAX);
    }

    fn scopes(&mut self, scopes: &mut [biscuit_auth::format::schema::Scope]) {
        for scope in scopes {
            if let Some(scope::Content::PublicKey(index)) = &mut scope.content {
                let known = usize::try_from(*index).ok();
                if let Some(key) = known.and_then(|index| self.from.keys.get(index)) {
                    *index = self.to.key(key.clone());
                }
            }
        }
    }

    fn rule(&mut self, rule: &mut Rule) {
        let mut waiting: Vec<&mut Vec<Op>> = rule
            .expressions
            .iter_mut()
            .map(|expression| &mut expression.ops)
            .collect();
        // The four variables of a grant's approval are named before its predicates.
        let three = rule.body.len() >= 3
            && rule.body[rule.body.len() - 2].terms.len() == 3
            && !rule.scope.is_empty();
        let ahead = if three {
            rule.body.len() - 3
        } else {
            usize::MAX
        };
        let mut seen: Vec<u32> = Vec::new();
        let (mut early, mut index) = (Vec::new(), 0);
        if three {
            early = rule.body[ahead..].iter().flat_map(variables).collect();
        }
        for predicate in &mut rule.body {
            if index == ahead {
                for mut variable in early.drain(..) {
                    self.variable(&mut variable);
                }
            }
            index += 1;
            seen.extend(variables(predicate));
            self.terms(&mut predicate.terms);
            self.string(&mut predicate.name);
            waiting.retain_mut(|ops| {
                let ready = used(ops).iter().all(|variable| seen.contains(variable));
                if ready {
                    self.ops(ops);
                }
                !ready
            });
        }
        waiting.into_iter().for_each(|ops| self.ops(ops));
        self.terms(&mut rule.head.terms);
        self.string(&mut rule.head.name);
        self.scopes(&mut rule.scope);
    }

    fn ops(&mut self, ops: &mut [Op]) {
        for op in ops {
            match &mut op.content {
                Some(op::Content::Value(term)) => self.term(term),
                Some(op::Content::Closure(closure)) => {
                    closure
                        .params
                        .iter_mut()
                        .for_each(|param| self.variable(param));
                    self.ops(&mut closure.ops);
                }
                Some(op::Content::Unary(unary)) => {
                    unary.ffi_name.iter_mut().for_each(|name| self.string(name));
                }
                Some(op::Content::Binary(binary)) => {
                    binary
                        .ffi_name
                        .iter_mut()
                        .for_each(|name| self.string(name));
                }
                None => {}
            }
        }
    }

    fn terms(&mut self, terms: &mut [Term]) {
        terms.iter_mut().for_each(|term| self.term(term));
    }

    fn term(&mut self, term: &mut Term) {
        match &mut term.content {
            Some(Content::Variable(index)) => self.variable(index),
            Some(Content::String(index)) => self.string(index),
            Some(Content::Set(set)) => self.terms(&mut set.set),
            Some(Content::Array(array)) => self.terms(&mut array.array),
            Some(Content::Map(map)) => {
                for entry in &mut map.entries {
                    if let Some(map_key::Content::String(index)) = &mut entry.key.content {
                        self.string(index);
                    }
                    self.term(&mut entry.value);
                }
            }
            _ => {}
        }
    }
}

fn variables(predicate: &Predicate) -> Vec<u32> {
    let terms = predicate
        .terms
        .iter()
        .filter_map(|term| match term.content {
            Some(Content::Variable(index)) => Some(index),
            _ => None,
        });
    terms.collect()
}

fn used(ops: &[Op]) -> Vec<u32> {
    let values = ops.iter().filter_map(|op| match &op.content {
        Some(op::Content::Value(Term {
            content: Some(Content::Variable(index)),
        })) => Some(*index),
        _ => None,
    });
    values.collect()
}
