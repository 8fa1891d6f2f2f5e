//! How many positions a pattern has, and whether it is one that a token may hold.

use regex_syntax::ast::parse::ParserBuilder;
use regex_syntax::ast::{
    AssertionKind, Ast, ClassPerlKind, ClassSet, ClassSetItem, GroupKind, RepetitionKind,
    RepetitionRange,
};

use super::{MAX_PATTERN_BYTES, MAX_POSITIONS};

/// How deep groups may nest.
const MAX_NESTING: u32 = 128;
/// The number of positions that a class of word characters counts as: it is a table of several hundred
/// ranges.
const WORD: usize = 8;

/// Parses a pattern by itself and counts its positions: characters, classes and assertions, with each
/// repetition written out. The walk looks at each part of the pattern once.
pub(super) fn measure(source: &str) -> Result<(Ast, usize), String> {
    if source.len() > MAX_PATTERN_BYTES {
        return Err(format!(
            "a pattern has at most {MAX_PATTERN_BYTES} bytes, this one {}",
            source.len()
        ));
    }
    let parser = ParserBuilder::new().nest_limit(MAX_NESTING).build();
    let ast = { parser }
        .parse(source)
        .map_err(|error| format!("`{source}` is not a usable regular expression: {error}"))?;
    let positions = count(&ast, false)
        .map_err(|what| format!("the pattern `{source}` cannot be used: {what}"))?;
    if positions > MAX_POSITIONS {
        return Err(format!(
            "the pattern `{source}` has {positions} positions once its repetitions are written out, more than {MAX_POSITIONS}; repeat less"
        ));
    }
    Ok((ast, positions))
}

fn count(ast: &Ast, repeated: bool) -> Result<usize, &'static str> {
    match ast {
        Ast::Empty(_) => Ok(0),
        Ast::Literal(_) | Ast::Dot(_) => Ok(1),
        Ast::Flags(_) => Err(FLAGS),
        Ast::Assertion(assertion) => match assertion.kind {
            AssertionKind::StartLine
            | AssertionKind::EndLine
            | AssertionKind::StartText
            | AssertionKind::EndText
            | AssertionKind::WordBoundary
            | AssertionKind::NotWordBoundary => Ok(1),
            _ => Err("of the assertions only `^`, `$`, `\\A`, `\\z`, `\\b` and `\\B` are allowed"),
        },
        Ast::ClassUnicode(_) => Err(UNICODE),
        Ast::ClassPerl(class) => Ok(perl(&class.kind).max(1)),
        Ast::ClassBracketed(class) => match &class.kind {
            ClassSet::BinaryOp(_) => Err(SETS),
            ClassSet::Item(item) => Ok(class_item(item)?.max(1)),
        },
        Ast::Repetition(_) if repeated => Err(
            "a repetition stands inside another; write the inner one out, or list characters in one class",
        ),
        Ast::Repetition(repetition) => {
            let copies = match &repetition.op.kind {
                RepetitionKind::ZeroOrOne
                | RepetitionKind::ZeroOrMore
                | RepetitionKind::OneOrMore => 1,
                RepetitionKind::Range(
                    RepetitionRange::Exactly(most) | RepetitionRange::Bounded(_, most),
                ) => *most,
                RepetitionKind::Range(RepetitionRange::AtLeast(least)) => (*least).max(1),
            };
            match count(&repetition.ast, true)? {
                0 => Err("a repetition repeats nothing; leave it out"),
                one => Ok(one.saturating_mul(usize::try_from(copies).unwrap_or(usize::MAX))),
            }
        }
        Ast::Group(group) => match &group.kind {
            GroupKind::NonCapturing(flags) if !flags.items.is_empty() => Err(FLAGS),
            _ => count(&group.ast, repeated),
        },
        Ast::Alternation(alternation) => sum(&alternation.asts, repeated),
        Ast::Concat(concat) => sum(&concat.asts, repeated),
    }
}

const FLAGS: &str = "flags such as `(?i)` are not allowed; write both cases, as in `[aA]`";
const UNICODE: &str = "Unicode classes such as `\\pL` are not allowed; list ranges of characters";
const SETS: &str = "operations on classes (`&&`, `--`, `~~`, a class inside a class) are not allowed; list the characters";

fn sum(parts: &[Ast], repeated: bool) -> Result<usize, &'static str> {
    parts.iter().try_fold(0_usize, |all, part| {
        Ok(all.saturating_add(count(part, repeated)?))
    })
}

/// What an item of a class adds to its one position. ASCII is a table lookup; other characters need a
/// search.
fn class_item(item: &ClassSetItem) -> Result<usize, &'static str> {
    match item {
        ClassSetItem::Empty(_) | ClassSetItem::Ascii(_) => Ok(0),
        ClassSetItem::Literal(literal) => Ok(usize::from(!literal.c.is_ascii())),
        ClassSetItem::Range(range) => Ok(usize::from(!range.end.c.is_ascii())),
        ClassSetItem::Unicode(_) => Err(UNICODE),
        ClassSetItem::Perl(class) => Ok(perl(&class.kind)),
        ClassSetItem::Bracketed(_) => Err(SETS),
        ClassSetItem::Union(union) => union
            .items
            .iter()
            .try_fold(0, |all, item| Ok(all + class_item(item)?)),
    }
}

const fn perl(kind: &ClassPerlKind) -> usize {
    match kind {
        ClassPerlKind::Word => WORD,
        ClassPerlKind::Digit | ClassPerlKind::Space => 0,
    }
}
