//! The contents of a block, still in its bytes: views that copy no data and hold every part that can be read.
//!
//! Message and field names are those of `schema.proto` of the Biscuit specification. Only the parts of a
//! block in profile are read; any other part gives `None`, and the block is refused.

use biscuit_auth::format::schema::{op_binary, op_unary};

use crate::capability::block::protobuf::{Many, NotCanonical, Reader};

/// A block without context, rules and a scope of its own.
pub(super) struct RawBlock<'a> {
    pub(super) symbols: Many<'a>,
    pub(super) facts: Many<'a>,
    pub(super) checks: Many<'a>,
    pub(super) keys: Many<'a>,
}

impl<'a> RawBlock<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Result<Self, NotCanonical> {
        let mut fields = Reader::new(bytes);
        let symbols = fields.many(1)?;
        // The version follows from the contents of the block, so writing the block again checks it.
        fields.optional_number(3)?.ok_or(NotCanonical)?;
        let block = Self {
            symbols,
            facts: fields.many(4)?,
            checks: fields.many(6)?,
            keys: fields.many(8)?,
        };
        fields.end()?;
        Ok(block)
    }

    pub(super) fn facts(&self) -> impl Iterator<Item = Option<Predicate<'a>>> {
        self.facts.map(|fact| {
            let mut fields = Reader::new(fact);
            let predicate = fields.bytes(1).ok()?;
            fields.end().ok()?;
            Predicate::of(predicate)
        })
    }

    pub(super) fn checks(&self) -> impl Iterator<Item = Option<Check<'a>>> {
        self.checks.map(Check::of)
    }
}

/// A check of the kind `check if`, whose number is left out.
#[derive(Clone, Copy)]
pub(super) struct Check<'a>(Many<'a>);

impl<'a> Check<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let queries = fields.many(1).ok()?;
        fields.end().ok()?;
        Some(Self(queries))
    }

    pub(super) fn queries(self) -> impl Iterator<Item = Option<Rule<'a>>> {
        self.0.map(Rule::of)
    }

    /// The first alternative, which every check has.
    pub(super) fn first(self) -> Option<Rule<'a>> {
        self.queries().next()?
    }
}

/// One alternative of a check.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    body: Many<'a>,
    expressions: Many<'a>,
    /// The index of the one key that it trusts, if it has a scope of its own.
    pub(super) trusting: Option<i64>,
}

impl<'a> Rule<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        fields.bytes(1).ok()?;
        let (body, expressions) = (fields.many(2).ok()?, fields.many(3).ok()?);
        let trusting = match fields.optional_bytes(4).ok()? {
            Some(scope) => {
                let mut scope = Reader::new(scope);
                let index = scope.optional_number(2).ok()??;
                scope.end().ok()?;
                Some(index.cast_signed())
            }
            None => None,
        };
        fields.end().ok()?;
        Some(Self {
            body,
            expressions,
            trusting,
        })
    }

    pub(super) fn body(self) -> impl Iterator<Item = Option<Predicate<'a>>> {
        self.body.map(Predicate::of)
    }

    pub(super) fn expressions(self) -> impl Iterator<Item = impl Iterator<Item = Option<Op<'a>>>> {
        self.expressions.map(|expression| {
            let mut fields = Reader::new(expression);
            let ops = fields.many(1).and_then(|ops| fields.end().map(|()| ops));
            // An expression that cannot be read becomes one operation that cannot be read.
            let unread = ops.is_err().then_some(None);
            unread
                .into_iter()
                .chain(ops.into_iter().flatten().map(Op::of))
        })
    }
}

/// The most terms that a predicate in profile has: `arg_url`.
const MAX_TERMS: usize = 5;

/// A fact, or a predicate of a query.
#[derive(Clone, Copy)]
pub(super) struct Predicate<'a> {
    pub(super) name: u64,
    terms: [Term<'a>; MAX_TERMS],
    count: usize,
}

impl<'a> Predicate<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let name = fields.optional_number(1).ok()??;
        let mut terms = [Term::Bool(false); MAX_TERMS];
        let mut count = 0;
        while let Some(term) = fields.optional_bytes(2).ok()? {
            *terms.get_mut(count)? = Term::of(term)?;
            count += 1;
        }
        fields.end().ok()?;
        Some(Self { name, terms, count })
    }

    pub(super) fn terms(&self) -> &[Term<'a>] {
        self.terms.get(..self.count).unwrap_or_default()
    }
}

/// A value or a variable, for both reading and writing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Term<'a> {
    Variable(u32),
    Integer(i64),
    /// The index of a string.
    String(u64),
    /// Seconds since 1970.
    Date(u64),
    Bytes(&'a [u8]),
    Bool(bool),
    Set(Set<'a>),
}

/// The elements of a set, in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Set<'a>(Many<'a>);

impl<'a> Set<'a> {
    pub(super) fn terms(self) -> impl Iterator<Item = Option<Term<'a>>> {
        self.0.map(Term::of)
    }

    pub(super) const fn fields(&self) -> &'a [u8] {
        self.0.as_bytes()
    }
}

impl<'a> Term<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let tag = fields.peek()?;
        let term = match tag >> 3 {
            1 => Self::Variable(u32::try_from(fields.optional_number(1).ok()??).ok()?),
            2 => Self::Integer(fields.optional_number(2).ok()??.cast_signed()),
            3 => Self::String(fields.optional_number(3).ok()??),
            4 => Self::Date(fields.optional_number(4).ok()??),
            5 => Self::Bytes(fields.bytes(5).ok()?),
            6 => match fields.optional_number(6).ok()?? {
                0 => Self::Bool(false),
                1 => Self::Bool(true),
                _ => return None,
            },
            7 => {
                let mut set = Reader::new(fields.bytes(7).ok()?);
                let terms = set.many(1).ok()?;
                set.end().ok()?;
                Self::Set(Set(terms))
            }
            _ => return None,
        };
        fields.end().ok()?;
        Some(term)
    }
}

/// One step of an expression, in reverse Polish order.
#[derive(Clone, Copy)]
pub(super) enum Op<'a> {
    Value(Term<'a>),
    Negate,
    Binary(op_binary::Kind),
}

impl<'a> Op<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Reader::new(bytes);
        let kind = |message| {
            let mut fields = Reader::new(message);
            let kind = fields.optional_number(1).ok()??;
            fields.end().ok()?;
            i32::try_from(kind).ok()
        };
        let op = match fields.peek()? >> 3 {
            1 => Self::Value(Term::of(fields.bytes(1).ok()?)?),
            2 => {
                let kind = op_unary::Kind::from_i32(kind(fields.bytes(2).ok()?)?)?;
                (kind == op_unary::Kind::Negate).then_some(Self::Negate)?
            }
            3 => Self::Binary(op_binary::Kind::from_i32(kind(fields.bytes(3).ok()?)?)?),
            _ => return None,
        };
        fields.end().ok()?;
        Some(op)
    }
}
