//! A block's one protobuf spelling, written in one pass.
//!
//! Every block that is read is written again, so this is half of what a token costs beside its
//! signatures; the general library measures each message once for every level around it.

use biscuit_auth::format::schema::{
    Block, Check, Op, Predicate, Rule, Scope, Term, op, scope, term,
};

/// The bytes of a block: fields in the order of their numbers, numbers in their shortest form.
pub(super) fn block(block: &Block) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(512));
    for symbol in &block.symbols {
        out.bytes(1, symbol.as_bytes());
    }
    if let Some(context) = &block.context {
        out.bytes(2, context.as_bytes());
    }
    if let Some(version) = block.version {
        out.number(3, version.into());
    }
    for fact in &block.facts {
        out.message(4, |out| {
            out.message(1, |out| out.predicate(&fact.predicate))
        });
    }
    for rule in &block.rules {
        out.message(5, |out| out.rule(rule));
    }
    for check in &block.checks {
        out.message(6, |out| out.check(check));
    }
    for scope in &block.scope {
        out.message(7, |out| out.scope(scope));
    }
    for key in &block.public_keys {
        out.message(8, |out| {
            out.number(1, signed(key.algorithm.into()));
            out.bytes(2, &key.key);
        });
    }
    out.0
}

/// How protobuf writes a signed number: as the unsigned one of the same bits.
const fn signed(number: i64) -> u64 {
    number.cast_unsigned()
}

struct Out(Vec<u8>);

impl Out {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u8, number: u64) {
        self.0.push(field << 3);
        self.varint(number);
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message, whose length stands before it and is known after it: most need one byte for it.
    fn message(&mut self, field: u8, content: impl FnOnce(&mut Self)) {
        self.0.push(field << 3 | 2);
        let start = self.0.len();
        self.0.push(0);
        content(self);
        let length = self.0.len() - start - 1;
        let mut prefix = Self(Vec::new());
        match self.0.get_mut(start) {
            Some(byte) if length < 0x80 => *byte = length as u8,
            _ => {
                prefix.varint(length as u64);
                self.0.splice(start..=start, prefix.0);
            }
        }
    }

    fn predicate(&mut self, predicate: &Predicate) {
        self.number(1, predicate.name);
        for term in &predicate.terms {
            self.message(2, |out| out.term(term));
        }
    }

    fn term(&mut self, term: &Term) {
        use term::Content;
        match &term.content {
            Some(Content::Variable(index)) => self.number(1, (*index).into()),
            Some(Content::Integer(number)) => self.number(2, signed(*number)),
            Some(Content::String(index)) => self.number(3, *index),
            Some(Content::Date(seconds)) => self.number(4, *seconds),
            Some(Content::Bytes(bytes)) => self.bytes(5, bytes),
            Some(Content::Bool(truth)) => self.number(6, (*truth).into()),
            Some(Content::Set(set)) => self.message(7, |out| {
                for term in &set.set {
                    out.message(1, |out| out.term(term));
                }
            }),
            // No block in profile holds the rest.
            Some(other) => other.encode(&mut self.0),
            None => {}
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.message(1, |out| out.predicate(&rule.head));
        for predicate in &rule.body {
            self.message(2, |out| out.predicate(predicate));
        }
        for expression in &rule.expressions {
            self.message(3, |out| {
                for op in &expression.ops {
                    out.message(1, |out| out.op(op));
                }
            });
        }
        for scope in &rule.scope {
            self.message(4, |out| out.scope(scope));
        }
    }

    fn op(&mut self, op: &Op) {
        match &op.content {
            Some(op::Content::Value(term)) => self.message(1, |out| out.term(term)),
            Some(other) => other.encode(&mut self.0),
            None => {}
        }
    }

    fn check(&mut self, check: &Check) {
        for rule in &check.queries {
            self.message(1, |out| out.rule(rule));
        }
        if let Some(kind) = check.kind {
            self.number(2, signed(kind.into()));
        }
    }

    fn scope(&mut self, scope: &Scope) {
        match scope.content {
            Some(scope::Content::ScopeType(kind)) => self.number(1, signed(kind.into())),
            Some(scope::Content::PublicKey(index)) => self.number(2, signed(index)),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::super::{Block as Typed, HopBlock, Table, write};
    use super::*;
    use crate::capability::arbitrary;

    proptest! {
        #[test]
        fn the_library_writes_the_same(bounds in arbitrary::bounds()) {
            let role = "reader".to_owned();
            let hop = Typed::Hop(HopBlock { role, decision: None, bounds });
            let raw = write::block(&hop, &mut Table::default());
            prop_assert_eq!(block(&raw), raw.encode_to_vec());
        }
    }

    #[test]
    fn what_no_block_in_profile_holds_is_written_as_well() {
        use biscuit_auth::format::schema::{Array, OpClosure, PublicKey};
        let null = Term {
            content: Some(term::Content::Null(Default::default())),
        };
        let array = Term {
            content: Some(term::Content::Array(Array { array: vec![null] })),
        };
        let head = Predicate {
            name: 1 << 40,
            terms: vec![array, Term { content: None }],
        };
        let closure = OpClosure {
            params: vec![1, 2],
            ops: vec![],
        };
        let op = Op {
            content: Some(op::Content::Closure(closure)),
        };
        let scopes = [scope::Content::ScopeType(1), scope::Content::PublicKey(-1)];
        let scope = scopes
            .map(|content| Scope {
                content: Some(content),
            })
            .to_vec();
        let rule = Rule {
            head: head.clone(),
            body: vec![head; 9],
            expressions: vec![biscuit_auth::format::schema::Expression { ops: vec![op; 40] }],
            scope: scope.clone(),
        };
        let raw = Block {
            symbols: vec!["x".repeat(300), String::new()],
            context: Some("context".to_owned()),
            version: Some(u32::MAX),
            facts: vec![],
            rules: vec![rule.clone()],
            checks: vec![Check {
                queries: vec![rule],
                kind: Some(-1),
            }],
            scope,
            public_keys: vec![PublicKey {
                algorithm: -1,
                key: vec![],
            }],
        };
        assert_eq!(block(&raw), raw.encode_to_vec());
    }
}
