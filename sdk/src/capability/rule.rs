//! One grant compiled.

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
    Plain(Constraint),
    Patterns(Vec<Regex>),
}

/// Compiles a grant; the error is a pattern that does not compile.
pub(super) fn rule(grant: &Grant) -> Result<Rule, String> {
    let args = grant.args.iter().map(|(name, constraint)| {
        let test = match constraint {
            Constraint::Any => Test::Any,
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

    /// What is wrong with each argument, lazily. Both lists are sorted by name.
    pub(super) fn failures<'a>(&'a self, given: &'a [Arg]) -> impl Iterator<Item = String> + 'a {
        let mut given = given.iter().peekable();
        let mut listed = self.args.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                match (given.peek(), listed.peek()) {
                    (None, None) => return None,
                    (Some(arg), Some((name, test))) if arg.name == *name => {
                        let failure = (!test.allows(arg)).then(|| self.outside(name));
                        given.next();
                        listed.next();
                        if failure.is_some() {
                            return failure;
                        }
                    }
                    (Some(arg), next) if next.is_none_or(|(name, _)| arg.name < *name) => {
                        let failure = format!("argument `{}` is not granted", arg.name);
                        given.next();
                        return Some(failure);
                    }
                    (_, Some((name, test))) => {
                        let failure = (!matches!(test, Test::Any))
                            .then(|| format!("argument `{name}` must be given"));
                        listed.next();
                        if failure.is_some() {
                            return failure;
                        }
                    }
                    (Some(_), None) => return None,
                }
            }
        })
    }

    fn outside(&self, name: &str) -> String {
        match self.grant.args.get(name) {
            Some(Constraint::Absent) => format!("argument `{name}` must not be given"),
            Some(constraint) => match constraint.to_string().strip_prefix("is ") {
                Some(what) => format!("argument `{name}` is not {what}"),
                None => format!("argument `{name}` is outside: what is granted {constraint}"),
            },
            None => format!("argument `{name}` is not granted"),
        }
    }
}

impl Test {
    fn allows(&self, arg: &Arg) -> bool {
        match self {
            Self::Any => true,
            Self::Plain(constraint) => constraint.allows(&arg.reading, |_, _| false),
            Self::Patterns(patterns) => arg
                .reading
                .str
                .as_deref()
                .is_some_and(|text| patterns.iter().any(|pattern| pattern.is_match(text))),
        }
    }
}
