//! Terms, predicates, expressions and checks, as the schema spells them.

use biscuit_auth::format::schema::{
    Check, Expression, Op, OpBinary, OpUnary, Predicate, Rule, Scope, Term, TermSet, op, op_binary,
    op_unary, scope, term,
};

use super::super::atom::Atom;
use super::super::keys::PublicKey;
use super::table::Table;
use crate::id::Timestamp;

pub(super) use op_binary::Kind as Bin;

/// One query under construction, over the strings of a chain.
pub(super) struct Query<'a> {
    pub(super) table: &'a mut Table,
    body: Vec<Predicate>,
    expressions: Vec<Expression>,
    scope: Vec<Scope>,
}

impl<'a> Query<'a> {
    pub(super) const fn new(table: &'a mut Table) -> Self {
        Self {
            table,
            body: Vec::new(),
            expressions: Vec::new(),
            scope: Vec::new(),
        }
    }

    pub(super) fn predicate(&mut self, name: &str, terms: Vec<Term>) {
        let name = self.table.intern(name);
        self.body.push(Predicate { name, terms });
    }

    pub(super) fn var(&mut self, name: &str) -> Term {
        // Variables are 32-bit and interned with the strings; a token of 16 KiB has far fewer.
        let index = u32::try_from(self.table.intern(name)).unwrap_or(u32::MAX);
        of(term::Content::Variable(index))
    }

    pub(super) fn str(&mut self, text: &str) -> Term {
        of(term::Content::String(self.table.intern(text)))
    }

    pub(super) fn strs<'s>(&mut self, texts: impl IntoIterator<Item = &'s str>) -> Term {
        let set = texts.into_iter().map(|text| self.str(text)).collect();
        set_of(set)
    }

    pub(super) fn atom(&mut self, atom: &Atom) -> Term {
        match atom {
            Atom::Str(text) => self.str(text),
            Atom::Bool(truth) => of(term::Content::Bool(*truth)),
            Atom::Num(number) => int(number.micros()),
            Atom::Hash(hash) => bytes(hash),
        }
    }

    pub(super) fn atoms<'s>(&mut self, atoms: impl IntoIterator<Item = &'s Atom>) -> Term {
        let set = atoms.into_iter().map(|atom| self.atom(atom)).collect();
        set_of(set)
    }

    /// Adds an expression, its operations in reverse Polish order.
    pub(super) fn expression(&mut self, ops: Vec<Op>) {
        self.expressions.push(Expression { ops });
    }

    pub(super) fn trusting(&mut self, key: &PublicKey) {
        let index = self.table.intern_key(key);
        self.scope.push(Scope {
            content: Some(scope::Content::PublicKey(index)),
        });
    }

    pub(super) fn done(self) -> Rule {
        let head = Predicate {
            name: self.table.intern("query"),
            terms: Vec::new(),
        };
        Rule {
            head,
            body: self.body,
            expressions: self.expressions,
            scope: self.scope,
        }
    }
}

pub(super) const fn of(content: term::Content) -> Term {
    Term {
        content: Some(content),
    }
}

pub(super) const fn int(value: i64) -> Term {
    of(term::Content::Integer(value))
}

pub(super) fn bytes(value: &[u8]) -> Term {
    of(term::Content::Bytes(value.to_vec()))
}

pub(super) const fn date(moment: Timestamp) -> Term {
    of(term::Content::Date(moment.secs()))
}

pub(super) fn set_of(set: Vec<Term>) -> Term {
    of(term::Content::Set(TermSet { set }))
}

pub(super) const fn value(term: Term) -> Op {
    Op {
        content: Some(op::Content::Value(term)),
    }
}

pub(super) const fn binary(kind: Bin) -> Op {
    Op {
        content: Some(op::Content::Binary(OpBinary {
            kind: kind as i32,
            ffi_name: None,
        })),
    }
}

pub(super) const fn negate() -> Op {
    Op {
        content: Some(op::Content::Unary(OpUnary {
            kind: op_unary::Kind::Negate as i32,
            ffi_name: None,
        })),
    }
}

/// `left op right`.
pub(super) fn compare(left: Term, kind: Bin, right: Term) -> Vec<Op> {
    vec![value(left), value(right), binary(kind)]
}

/// The groups, joined pairwise by `kind` from the left.
pub(super) fn join(groups: Vec<Vec<Op>>, kind: Bin) -> Vec<Op> {
    let mut ops = Vec::new();
    for (index, group) in groups.into_iter().enumerate() {
        ops.extend(group);
        if index > 0 {
            ops.push(binary(kind));
        }
    }
    ops
}

/// `check if` any one of the queries.
pub(super) const fn check(queries: Vec<Rule>) -> Check {
    Check {
        queries,
        kind: None,
    }
}

/// `left op right`, read back from an expression; `and`, `or` and the like in between are passed
/// over, since writing the block again restores or refuses them.
pub(super) struct Comparison<'a> {
    pub(super) left: &'a term::Content,
    pub(super) right: &'a term::Content,
    pub(super) kind: Bin,
}

/// The comparisons of two operands in an expression, in order.
pub(super) fn comparisons(expression: &Expression) -> Vec<Comparison<'_>> {
    let mut found = Vec::new();
    let mut operands: Vec<&term::Content> = Vec::new();
    for op in &expression.ops {
        match &op.content {
            Some(op::Content::Value(Term {
                content: Some(content),
            })) => operands.push(content),
            Some(op::Content::Binary(operation)) => {
                if let ([left, right], Some(kind)) =
                    (operands.as_slice(), Bin::from_i32(operation.kind))
                {
                    found.push(Comparison { left, right, kind });
                }
                operands.clear();
            }
            _ => {}
        }
    }
    found
}
