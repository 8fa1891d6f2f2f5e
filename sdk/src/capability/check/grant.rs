//! One compiled grant.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::request::AccessRequest;
use crate::capability::keys::PublicKey;
use crate::capability::scope::{Constraint, Grant};
use crate::capability::value::{Answers, Arg, Pattern, Patterns};

/// A grant in the form that is evaluated: its arguments by name, each with its test, and its approvers.
///
/// It uses plain lists, since a tree of a written grant takes a kilobyte for one entry.
#[derive(Debug)]
pub(super) struct CompiledGrant {
    pub(super) capability: Box<str>,
    args: Box<[(Box<str>, Test)]>,
    pub(super) approvers: Box<[PublicKey]>,
}

/// What one argument must be.
#[derive(Debug)]
pub(super) enum Test {
    Any,
    Paths(Box<[String]>),
    Patterns(Box<[Arc<Pattern>]>),
    Plain(Box<Constraint>),
}

/// Compiles a grant, whose patterns are among those compiled already; the error names a pattern that
/// cannot be compiled.
pub(super) fn compile(grant: &Grant, patterns: &Patterns) -> Result<CompiledGrant, String> {
    let args = grant.args.iter().map(|(name, constraint)| {
        let test = match constraint {
            Constraint::Any => Test::Any,
            Constraint::PathUnder(roots) => Test::Paths(roots.iter().cloned().collect()),
            Constraint::Matches(sources) => Test::Patterns(
                sources
                    .iter()
                    .map(|source| match patterns.get(source) {
                        Some(pattern) => Ok(pattern.clone()),
                        None => Pattern::new(source).map(Arc::new),
                    })
                    .collect::<Result<_, String>>()?,
            ),
            other => Test::Plain(Box::new(other.clone())),
        };
        Ok((name.as_str().into(), test))
    });
    Ok(CompiledGrant {
        capability: grant.capability.as_str().into(),
        args: args.collect::<Result<_, String>>()?,
        approvers: grant.approvers.iter().copied().collect(),
    })
}

impl CompiledGrant {
    /// The test of an argument that the grant lists.
    pub(super) fn test(&self, name: &str) -> Option<&Test> {
        let entry = self.args.iter().find(|(known, _)| **known == *name);
        entry.map(|(_, test)| test)
    }

    /// Whether one of the grant's approvers approved the call, or the grant names no approver.
    pub(super) fn approved(&self, request: &AccessRequest<'_>) -> bool {
        request.skip.approvals
            || self.approvers.is_empty()
            || self.approvers.iter().any(|key| request.approved_by(key))
    }

    /// Whether every argument is as the grant requires; approvals are not checked.
    pub(super) fn allows(&self, given: &[Arg], answers: &Answers) -> bool {
        self.failures(given, answers).next().is_none()
    }

    /// The fault of each argument, found lazily. Both lists are sorted by name.
    pub(super) fn failures<'a>(
        &'a self,
        mut given: &'a [Arg],
        answers: &'a Answers,
    ) -> impl Iterator<Item = Failure<'a>> {
        let mut listed = &*self.args;
        std::iter::from_fn(move || {
            loop {
                let order = match (given.first(), listed.first()) {
                    (None, None) => return None,
                    (Some(arg), Some((name, _))) => arg.name.as_str().cmp(name),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                };
                // `Less` is an argument that is given and not listed, `Greater` one that is listed and not given.
                let arg = given.first().filter(|_| order.is_le());
                let entry = listed.first().filter(|_| order.is_ge());
                given = given.get(usize::from(arg.is_some())..)?;
                listed = listed.get(usize::from(entry.is_some())..)?;
                match (arg, entry) {
                    (Some(arg), Some((name, test))) if !test.allows(arg, answers) => {
                        return Some(Failure::Outside(name, test));
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

/// The fault of one argument.
pub(super) enum Failure<'a> {
    NotListed(&'a str),
    Missing(&'a str),
    Outside(&'a str, &'a Test),
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed(name) => write!(f, "argument `{name}` is not granted"),
            Self::Missing(name) => write!(f, "argument `{name}` must be given"),
            Self::Outside(name, test) => match test.constraint() {
                Constraint::Absent => write!(f, "argument `{name}` must not be given"),
                constraint => match constraint.to_string().strip_prefix("is ") {
                    Some(what) => write!(f, "argument `{name}` is not {what}"),
                    None => write!(
                        f,
                        "argument `{name}` is outside: what is granted {constraint}"
                    ),
                },
            },
        }
    }
}

impl Test {
    fn allows(&self, arg: &Arg, answers: &Answers) -> bool {
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
                .is_some_and(|text| patterns.iter().any(|pattern| answers.ask(pattern, text))),
        }
    }

    /// The constraint as it was written, for the text of a refusal.
    fn constraint(&self) -> Constraint {
        match self {
            Self::Any => Constraint::Any,
            Self::Paths(roots) => Constraint::PathUnder(roots.iter().cloned().collect()),
            Self::Patterns(patterns) => {
                let sources = patterns.iter().map(|pattern| pattern.source().to_owned());
                Constraint::Matches(sources.collect())
            }
            Self::Plain(constraint) => (**constraint).clone(),
        }
    }
}
