//! Whether a chain allows a call, evaluated natively, with the same verdict as the Datalog engine.

mod caveats;

use std::net::IpAddr;

use self::caveats::Caveat;
use super::grant::{CompiledGrant, Test, compile};
use super::request::AccessRequest;
use crate::capability::scope::{Bounds, Constraint, Grants};
use crate::capability::value::{Answers, BudgetKey, Call, Kind, Patterns, Refusal};

/// The bounds of one block, ready to evaluate.
#[derive(Debug)]
pub(crate) struct CompiledBounds {
    /// `None` means that the block inherits its grants.
    grants: Option<Vec<CompiledGrant>>,
    caveats: Box<[Caveat]>,
}

impl CompiledBounds {
    /// Compiles bounds that are in profile, whose patterns are among those compiled; the error names a
    /// pattern that is not.
    pub(crate) fn compile(bounds: &Bounds, patterns: &Patterns) -> Result<Self, String> {
        let grants = match &bounds.grants {
            Grants::Inherit => None,
            Grants::Only(grants) => {
                let grants = grants.iter().map(|grant| compile(grant, patterns));
                Some(grants.collect::<Result<_, _>>()?)
            }
        };
        Ok(Self {
            grants,
            caveats: caveats::compile(&bounds.caveats),
        })
    }

    /// The budgets that the block sets, and the maximum of each.
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
            .is_none_or(|grants| grants.iter().any(|grant| *grant.capability == *capability))
    }

    /// The innermost directory under which the block grants a path argument.
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
            .filter_map(|grant| match grant.test(name)? {
                Test::Paths(roots) => roots
                    .iter()
                    .filter(|root| path.starts_with(root.as_str()))
                    .max_by_key(|root| root.len())
                    .cloned(),
                Test::Any => None,
                // A value, a prefix or a pattern is about the path's text, so it allows only this path.
                _ => Some(path.to_owned()),
            });
        roots.max_by_key(String::len)
    }

    /// Whether a grant that allows the call names this exact address among the hosts of a URL argument;
    /// a block that inherits does not count.
    pub(crate) fn names_address(
        &self,
        request: &AccessRequest<'_>,
        name: &str,
        ip: IpAddr,
    ) -> bool {
        if self.grants.is_none() {
            return true;
        }
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let mut granting = self.matching(request.call, &request.answers);
        granting.any(|grant| match grant.test(name) {
            _ if !grant.approved(request) => false,
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
    ) -> impl Iterator<Item = &'a CompiledGrant> {
        let grants = self.grants.as_deref().unwrap_or_default();
        grants.iter().filter(|grant| {
            *grant.capability == *call.capability() && grant.allows(call.args(), answers)
        })
    }

    /// Asks the block at `hop`.
    pub(crate) fn ask(&self, request: &AccessRequest<'_>, hop: u32) -> Result<(), Refusal> {
        if !self.granted(request) {
            return Err(self.why_not(request, hop));
        }
        match self.caveats.iter().find(|caveat| !caveat.holds(request)) {
            Some(caveat) => Err(Refusal::at(caveat.kind(), hop, caveat.why_not(request))),
            None => Ok(()),
        }
    }

    fn granted(&self, request: &AccessRequest<'_>) -> bool {
        self.grants.as_ref().is_none_or(|grants| {
            grants.iter().any(|grant| {
                *grant.capability == *request.call.capability()
                    && grant.allows(request.call.args(), &request.answers)
                    && grant.approved(request)
            })
        })
    }

    /// The refusal by the grant that came nearest.
    fn why_not(&self, request: &AccessRequest<'_>, hop: u32) -> Refusal {
        let capability = request.call.capability();
        let (args, answers) = (request.call.args(), &request.answers);
        let grants = self.grants.as_deref().unwrap_or_default();
        let mut near: Vec<(usize, &CompiledGrant)> = grants
            .iter()
            .filter(|grant| *grant.capability == *capability)
            .map(|grant| (grant.failures(args, answers).count(), grant))
            .collect();
        near.sort_by_key(|(failures, _)| *failures);
        match near.first() {
            None => {
                let mut names: Vec<&str> = grants.iter().map(|grant| &*grant.capability).collect();
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
                    .flat_map(|(_, grant)| &grant.approvers)
                    .map(ToString::to_string)
                    .collect();
                Refusal::at(
                    Kind::Approval,
                    hop,
                    format!("the call needs the approval of one of {}", keys.join(", ")),
                )
            }
            Some((_, grant)) => {
                let failures = grant.failures(args, answers);
                let failures: Vec<String> = failures.map(|failure| failure.to_string()).collect();
                Refusal::at(Kind::Argument, hop, failures.join("; "))
            }
        }
    }
}
