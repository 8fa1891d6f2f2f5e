//! Whether a chain allows a call, evaluated natively: the same verdict as the Datalog engine's.

mod caveats;

use std::net::IpAddr;

use self::caveats::Caveat;
use super::request::Question;
use super::rule::{Rule, Test, rule};
use crate::capability::scope::{Bounds, Constraint, Grants};
use crate::capability::value::{Answers, BudgetKey, Call, Kind, Patterns, Refusal};

/// The bounds of one block, ready to evaluate.
#[derive(Debug)]
pub(crate) struct Rules {
    /// `None` inherits.
    grants: Option<Vec<Rule>>,
    caveats: Box<[Caveat]>,
}

impl Rules {
    /// Compiles bounds that are in profile, whose patterns are among those compiled; the error is one
    /// that is not.
    pub(crate) fn compile(bounds: &Bounds, patterns: &Patterns) -> Result<Self, String> {
        let grants = match &bounds.grants {
            Grants::Inherit => None,
            Grants::Only(grants) => {
                let rules = grants.iter().map(|grant| rule(grant, patterns));
                Some(rules.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self {
            grants,
            caveats: caveats::compile(&bounds.caveats),
        })
    }

    /// The budgets that the block sets, and the most that each may reach.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (&BudgetKey, u64)> {
        self.caveats.iter().filter_map(|caveat| match caveat {
            Caveat::Budget(key, max) => Some((key, *max)),
            _ => None,
        })
    }

    /// Whether the block could allow some call of `capability`.
    pub(crate) fn could(&self, capability: &str) -> bool {
        self.grants
            .as_ref()
            .is_none_or(|rules| rules.iter().any(|rule| *rule.capability == *capability))
    }

    /// The innermost directory that the block grants a path argument under.
    pub(crate) fn root(&self, call: &Call, name: &str) -> Option<String> {
        let path = call
            .args()
            .iter()
            .find(|arg| arg.name == name)?
            .reading
            .path
            .as_deref()?;
        let answers = Answers::new();
        let roots = self
            .matching(call, &answers)
            .filter_map(|rule| match rule.test(name)? {
                Test::Paths(roots) => roots
                    .iter()
                    .filter(|root| path.starts_with(root.as_str()))
                    .max_by_key(|root| root.len())
                    .cloned(),
                Test::Any => None,
                // A value, a prefix or a pattern speaks of the path's text, so of this path alone.
                _ => Some(path.to_owned()),
            });
        roots.max_by_key(String::len)
    }

    /// Whether a grant that allows the call names this very address among the hosts of a URL argument;
    /// a block that inherits has no say.
    pub(crate) fn names_address(&self, question: &Question<'_>, name: &str, ip: IpAddr) -> bool {
        if self.grants.is_none() {
            return true;
        }
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut granting = self.matching(question.call, &question.answers);
        granting.any(|rule| match rule.test(name) {
            _ if !rule.approved(question) => false,
            Some(Test::Plain(constraint)) => match &**constraint {
                Constraint::Url(pattern) => {
                    let hosts = pattern.hosts.as_ref();
                    hosts.is_some_and(|hosts| hosts.contains(&host))
                }
                _ => false,
            },
            _ => false,
        })
    }

    fn matching<'a>(
        &'a self,
        call: &'a Call,
        answers: &'a Answers,
    ) -> impl Iterator<Item = &'a Rule> {
        let rules = self.grants.as_deref().unwrap_or_default();
        rules.iter().filter(|rule| {
            *rule.capability == *call.capability() && rule.allows(call.args(), answers)
        })
    }

    /// Asks the block at `hop`.
    pub(crate) fn ask(&self, question: &Question<'_>, hop: u32) -> Result<(), Refusal> {
        if !self.granted(question) {
            return Err(self.why_not(question, hop));
        }
        match self.caveats.iter().find(|caveat| !caveat.holds(question)) {
            Some(caveat) => Err(Refusal::at(caveat.kind(), hop, caveat.why_not(question))),
            None => Ok(()),
        }
    }

    fn granted(&self, question: &Question<'_>) -> bool {
        self.grants.as_ref().is_none_or(|rules| {
            rules.iter().any(|rule| {
                *rule.capability == *question.call.capability()
                    && rule.allows(question.call.args(), &question.answers)
                    && rule.approved(question)
            })
        })
    }

    /// The refusal of the grant that came nearest.
    fn why_not(&self, question: &Question<'_>, hop: u32) -> Refusal {
        let capability = question.call.capability();
        let (args, answers) = (question.call.args(), &question.answers);
        let rules = self.grants.as_deref().unwrap_or_default();
        let mut near: Vec<(usize, &Rule)> = rules
            .iter()
            .filter(|rule| *rule.capability == *capability)
            .map(|rule| (rule.failures(args, answers).count(), rule))
            .collect();
        near.sort_by_key(|(failures, _)| *failures);
        match near.first() {
            None => {
                let mut names: Vec<&str> = rules.iter().map(|rule| &*rule.capability).collect();
                names.dedup();
                let granted = if names.is_empty() {
                    "nothing".to_owned()
                } else {
                    format!("`{}`", names.join("`, `"))
                };
                Refusal::at(
                    Kind::Tool,
                    hop,
                    format!("`{capability}` is not granted; granted are {granted}"),
                )
            }
            Some((0, _)) => {
                let keys: Vec<String> = near
                    .iter()
                    .filter(|(failures, _)| *failures == 0)
                    .flat_map(|(_, rule)| &rule.approvers)
                    .map(ToString::to_string)
                    .collect();
                Refusal::at(
                    Kind::Approval,
                    hop,
                    format!("the call needs the approval of one of {}", keys.join(", ")),
                )
            }
            Some((_, rule)) => {
                let failures = rule.failures(args, answers);
                let failures: Vec<String> = failures.map(|failure| failure.to_string()).collect();
                Refusal::at(Kind::Argument, hop, failures.join("; "))
            }
        }
    }
}
