//! Facts, checks, queries and expressions, written in the encoding of the schema.

use biscuit_auth::format::schema::{op_binary, op_unary};

use super::raw::{Op, Rule, Term};
use super::table::Table;
use crate::capability::block::protobuf::{Writer, signed};
use crate::capability::keys::PublicKey;
use crate::capability::value::Atom;
use crate::id::Timestamp;

pub(super) use op_binary::Kind as Bin;

/// The facts and checks of a block under construction, over the strings of a chain.
///
/// Strings are interned in the order in which they are given, which differs from their order in the bytes: a
/// term before its predicate's name, a predicate before the expressions after it.
pub(super) struct Content<'t> {
    pub(super) table: &'t mut Table,
    out: Writer,
    /// The expressions of the query under construction, which follow its predicates.
    expressions: Writer,
}

impl<'t> Content<'t> {
    pub(super) fn new(table: &'t mut Table) -> Self {
        Self {
            table,
            out: Writer::with_capacity(1024),
            expressions: Writer::with_capacity(256),
        }
    }

    pub(super) fn done(self) -> Writer {
        self.out
    }

    /// Writes a fact, whose name is interned before its terms.
    pub(super) fn fact(&mut self, name: &str, terms: impl FnOnce(&mut Terms<'_>)) {
        let Self { table, out, .. } = self;
        let name = table.intern(name);
        out.message(4, |out| {
            out.message(1, |out| {
                out.number(1, name);
                terms(&mut Terms {
                    table,
                    out,
                    field: 2,
                });
            });
        });
    }

    /// Writes `check if` any one of the queries.
    pub(super) fn check(&mut self, queries: impl FnOnce(&mut Check<'_>)) {
        let Self {
            table,
            out,
            expressions,
        } = self;
        out.message(6, |out| {
            queries(&mut Check {
                table,
                out,
                expressions,
            });
        });
    }
}

/// The alternatives of a check.
pub(super) struct Check<'a> {
    table: &'a mut Table,
    out: &'a mut Writer,
    expressions: &'a mut Writer,
}

impl Check<'_> {
    pub(super) fn query(&mut self, content: impl FnOnce(&mut Query<'_>)) {
        let Self {
            table,
            out,
            expressions,
        } = self;
        out.message(1, |out| {
            // The string is known to every chain, so the moment of interning does not matter.
            let head = table.intern("query");
            out.message(1, |out| out.number(1, head));
            expressions.clear();
            let mut query = Query {
                table,
                body: out,
                expressions,
                trusting: None,
            };
            content(&mut query);
            let trusting = query.trusting;
            out.fields(expressions.as_bytes());
            if let Some(key) = trusting {
                out.message(4, |out| out.number(2, signed(key)));
            }
        });
    }
}

/// One query under construction.
pub(super) struct Query<'a> {
    table: &'a mut Table,
    body: &'a mut Writer,
    expressions: &'a mut Writer,
    trusting: Option<i64>,
}

impl Query<'_> {
    /// Writes a predicate, whose name is interned after its terms.
    pub(super) fn predicate(&mut self, name: &str, terms: &[Term<'_>]) {
        let name = self.table.intern(name);
        self.body.message(2, |out| {
            out.number(1, name);
            for term in terms {
                out.message(2, |out| write(out, term));
            }
        });
    }

    pub(super) fn var(&mut self, name: &str) -> Term<'static> {
        // Variables are 32-bit and interned with the strings; a token of 16 KiB has far fewer.
        Term::Variable(u32::try_from(self.table.intern(name)).unwrap_or(u32::MAX))
    }

    pub(super) fn str(&mut self, text: &str) -> Term<'static> {
        Term::String(self.table.intern(text))
    }

    pub(super) fn atom<'t>(&mut self, atom: &'t Atom) -> Term<'t> {
        term_of(self.table, atom)
    }

    pub(super) fn expression(&mut self, ops: impl FnOnce(&mut Expression<'_>)) {
        let table = &mut *self.table;
        self.expressions
            .message(3, |out| ops(&mut Expression { table, out }));
    }

    pub(super) fn trusting(&mut self, key: &PublicKey) {
        self.trusting = Some(self.table.intern_key(key));
    }
}

/// The operations of an expression, in reverse Polish order.
pub(super) struct Expression<'a> {
    table: &'a mut Table,
    out: &'a mut Writer,
}

impl Expression<'_> {
    pub(super) fn value(&mut self, term: Term<'_>) {
        self.out
            .message(1, |out| out.message(1, |out| write(out, &term)));
    }

    pub(super) fn str(&mut self, text: &str) {
        let text = Term::String(self.table.intern(text));
        self.value(text);
    }

    /// `{elements}.contains($v)`.
    pub(super) fn among(&mut self, v: Term<'_>, elements: impl FnOnce(&mut Terms<'_>)) {
        let table = &mut *self.table;
        self.out.message(1, |out| {
            out.message(1, |out| set(table, out, elements));
        });
        self.value(v);
        self.binary(Bin::Contains);
    }

    pub(super) fn binary(&mut self, kind: Bin) {
        self.op(3, kind as i32);
    }

    pub(super) fn negate(&mut self) {
        self.op(2, op_unary::Kind::Negate as i32);
    }

    /// `left op right`.
    pub(super) fn compare(&mut self, left: Term<'_>, kind: Bin, right: Term<'_>) {
        self.value(left);
        self.value(right);
        self.binary(kind);
    }

    /// `$v op "text"` for each text, joined by `or`; `before` is the number of expressions before them.
    pub(super) fn each<'s>(
        &mut self,
        before: usize,
        v: Term<'_>,
        kind: Bin,
        texts: impl Iterator<Item = &'s str>,
    ) {
        for (index, text) in (before..).zip(texts) {
            self.value(v);
            self.str(text);
            self.binary(kind);
            self.join(index, Bin::Or);
        }
    }

    /// Joins the expression that was written last to the one before it, unless it is the first.
    pub(super) fn join(&mut self, index: usize, kind: Bin) {
        if index > 0 {
            self.binary(kind);
        }
    }

    fn op(&mut self, field: u8, kind: i32) {
        self.out.message(1, |out| {
            out.message(field, |out| out.number(1, signed(kind.into())));
        });
    }
}

/// Terms of a fact, or elements of a set.
pub(super) struct Terms<'a> {
    table: &'a mut Table,
    out: &'a mut Writer,
    field: u8,
}

impl Terms<'_> {
    pub(super) fn term(&mut self, term: Term<'_>) {
        self.out.message(self.field, |out| write(out, &term));
    }

    pub(super) fn str(&mut self, text: &str) {
        let text = Term::String(self.table.intern(text));
        self.term(text);
    }

    pub(super) fn strs<'s>(&mut self, texts: impl IntoIterator<Item = &'s str>) {
        texts.into_iter().for_each(|text| self.str(text));
    }

    pub(super) fn atoms<'s>(&mut self, atoms: impl IntoIterator<Item = &'s Atom>) {
        for atom in atoms {
            let term = term_of(self.table, atom);
            self.term(term);
        }
    }

    pub(super) fn set(&mut self, elements: impl FnOnce(&mut Terms<'_>)) {
        let table = &mut *self.table;
        self.out
            .message(self.field, |out| set(table, out, elements));
    }
}

fn set(table: &mut Table, out: &mut Writer, elements: impl FnOnce(&mut Terms<'_>)) {
    out.message(7, |out| {
        elements(&mut Terms {
            table,
            out,
            field: 1,
        });
    });
}

fn term_of<'t>(table: &mut Table, atom: &'t Atom) -> Term<'t> {
    match atom {
        Atom::Str(text) => Term::String(table.intern(text)),
        Atom::Bool(truth) => Term::Bool(*truth),
        Atom::Num(number) => Term::Integer(number.micros()),
        Atom::Hash(hash) => Term::Bytes(hash),
    }
}

fn write(out: &mut Writer, term: &Term<'_>) {
    match term {
        Term::Variable(index) => out.number(1, (*index).into()),
        Term::Integer(number) => out.number(2, signed(*number)),
        Term::String(index) => out.number(3, *index),
        Term::Date(seconds) => out.number(4, *seconds),
        Term::Bytes(bytes) => out.bytes(5, bytes),
        Term::Bool(truth) => out.number(6, (*truth).into()),
        Term::Set(elements) => out.message(7, |out| out.fields(elements.fields())),
    }
}

pub(super) const fn date(moment: Timestamp) -> Term<'static> {
    Term::Date(moment.secs())
}

/// `left op right`, read back from an expression; `and`, `or` and similar operations in between are skipped,
/// since writing the block again restores or refuses them.
#[derive(Clone, Copy)]
pub(super) struct Comparison<'a> {
    pub(super) left: Term<'a>,
    pub(super) right: Term<'a>,
    pub(super) kind: Bin,
}

/// The comparisons of two operands in a query, in order; `None` if it cannot be read.
pub(super) fn comparisons<'a>(rule: &Rule<'a>, found: &mut Vec<Comparison<'a>>) -> Option<()> {
    found.clear();
    for expression in rule.expressions() {
        let mut operands = (None, None, 0);
        for op in expression {
            match op? {
                Op::Value(term) => operands = (operands.1, Some(term), operands.2 + 1),
                Op::Binary(kind) => {
                    if let (Some(left), Some(right), 2) = operands {
                        found.push(Comparison { left, right, kind });
                    }
                    operands = (None, None, 0);
                }
                Op::Negate => {}
            }
        }
    }
    Some(())
}
