//! One grant compiled.

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;

use super::bounds::Grant;
use super::call::Arg;
use super::constraint::{Constraint, compile_pattern};
use super::question::Question;

/// A grant and the tests of its arguments.
#[derive(Debug)]
pub(super) struct Rule {
    args: Vec<(String, Test)>,
    pub(super) grant: Grant,
}

#[derive(Debug)]
enum Test {
    Any,
    Paths(Box<[String]>),
    Patterns(Vec<Regex>),
    Plain(Constraint),
}

/// Compiles a grant; the error is a pattern that does not compile.
pub(super) fn rule(grant: &Grant) -> Result<Rule, String> {
    let args = grant.args.iter().map(|(name, constraint)| {
        let test = match constraint {
            Constraint::Any => Test::Any,
            // The most common one, without the walk through a tree.
            Constraint::PathUnder(roots) => Test::Paths(roots.iter().cloned().collect()),
            Constraint::Matches(sources) => Test::Patterns(
                sources
                    .iter()
                    .map(|source| compile_pattern(source))
                    .collect::<Result<_, _>>()?,
            ),
            other => Test::Plain(other.clone()),
        };
        Ok((name.clone(), test))
    });
    Ok(Rule {
        args: args.collect::<Result<_, String>>()?,
        grant: grant.clone(),
    })
}

impl Rule {
    /// Whether one of the grant's approvers approved the call, where it names any.
    pub(super) fn approved(&self, question: &Question<'_>) -> bool {
        question.apart.approvals
            || self.grant.approvers.is_empty()
            || self
                .grant
                .approvers
                .iter()
                .any(|key| question.approved_by(key))
    }

    /// Whether every argument is as the grant wants it, approvals apart.
    pub(super) fn allows(&self, given: &[Arg]) -> bool {
        self.failures(given).next().is_none()
    }

    /// What is wrong with each argument, lazily. Both lists are sorted by name.
    pub(super) fn failures<'a>(
        &'a self,
        mut given: &'a [Arg],
    ) -> impl Iterator<Item = Failure<'a>> {
        let mut listed = self.args.as_slice();
        std::iter::from_fn(move || {
            loop {
                let order = match (given.first(), listed.first()) {
                    (None, None) => return None,
                    (Some(arg), Some((name, _))) => arg.name.cmp(name),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                };
                // Less: given and not listed. Greater: listed and not given.
                let arg = given.first().filter(|_| order.is_le());
                let entry = listed.first().filter(|_| order.is_ge());
                given = given.get(usize::from(arg.is_some())..)?;
                listed = listed.get(usize::from(entry.is_some())..)?;
                match (arg, entry) {
                    (Some(arg), Some((name, test))) if !test.allows(arg) => {
                        return Some(Failure::Outside(name, self.grant.args.get(name)));
                    }
                    (Some(arg), None) => return Some(Failure::NotListed(&arg.name)),
                    (None, Some((name, test))) if !matches!(test, Test::Any) => {
                        return Some(Failure::Missing(name));
                    }
                    _ => {}
                }
            }
        })
    }
}

/// What is wrong with one argument.
pub(super) enum Failure<'a> {
    NotListed(&'a str),
    Missing(&'a str),
    Outside(&'a str, Option<&'a Constraint>),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed(name) | Self::Outside(name, None) => {
                write!(f, "argument `{name}` is not granted")
            }
            Self::Missing(name) => write!(f, "argument `{name}` must be given"),
            Self::Outside(name, Some(Constraint::Absent)) => {
                write!(f, "argument `{name}` must not be given")
            }
            Self::Outside(name, Some(constraint)) => {
                match constraint.to_string().strip_prefix("is ") {
                    Some(what) => write!(f, "argument `{name}` is not {what}"),
                    None => write!(
                        f,
                        "argument `{name}` is outside: what is granted {constraint}"
                    ),
                }
            }
        }
    }
}

impl Test {
    fn allows(&self, arg: &Arg) -> bool {
        match self {
            Self::Any => true,
            Self::Paths(roots) => arg
                .reading
                .path
                .as_deref()
                .is_some_and(|path| roots.iter().any(|root| path.starts_with(root.as_str()))),
            Self::Plain(constraint) => constraint.allows(&arg.reading, |_, _| false),
            Self::Patterns(patterns) => arg
                .reading
                .str
                .as_deref()
                .is_some_and(|text| patterns.iter().any(|pattern| pattern.is_match(text))),
        }
    }
}
