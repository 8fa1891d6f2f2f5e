//! Whether a chain allows a call, evaluated natively: the same verdict as the Datalog engine's.

use std::cell::OnceCell;
use std::net::IpAddr;

use regex::Regex;

use super::bounds::{Bounds, Grant, Grants, Quorum};
use super::call::{Arg, Call};
use super::constraint::{Constraint, compile_pattern};
use super::facts::{BudgetKey, Facts};
use super::keys::PublicKey;
use super::refusal::{Kind, Refusal};
use crate::id::Timestamp;

/// The bounds of one block, ready to evaluate.
#[derive(Debug)]
pub(crate) struct Rules {
    /// `None` inherits.
    grants: Option<Vec<Rule>>,
    bounds: Bounds,
    budgets: Vec<(BudgetKey, u64)>,
}

#[derive(Debug)]
struct Rule {
    args: Vec<(String, Test)>,
    grant: Grant,
}

#[derive(Debug)]
enum Test {
    Any,
    Plain(Constraint),
    Patterns(Vec<Regex>),
}

/// An approval that a chain carries, its signature verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approved {
    pub(crate) by: PublicKey,
    pub(crate) call: [u8; 32],
    pub(crate) expires: Timestamp,
    pub(crate) id: [u8; 16],
}

/// What is not asked in an evaluation, because it needs state or a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Apart {
    /// Leave budgets apart: the ledger decides them.
    pub budgets: bool,
    /// Leave approvals apart: whoever asks decides to wait for them.
    pub approvals: bool,
}

/// One call under evaluation: what the blocks are asked about.
pub(crate) struct Question<'a> {
    pub(crate) call: &'a Call,
    pub(crate) facts: &'a Facts,
    pub(crate) depth: u32,
    pub(crate) holder: &'a PublicKey,
    pub(crate) approvals: &'a [Approved],
    pub(crate) apart: Apart,
    digest: OnceCell<[u8; 32]>,
}

impl<'a> Question<'a> {
    pub(crate) const fn new(
        call: &'a Call,
        facts: &'a Facts,
        depth: u32,
        holder: &'a PublicKey,
        approvals: &'a [Approved],
        apart: Apart,
    ) -> Self {
        Self {
            call,
            facts,
            depth,
            holder,
            approvals,
            apart,
            digest: OnceCell::new(),
        }
    }

    /// The digest of the call, computed when something asks for it.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        self.digest.get_or_init(|| {
            self.call.digest(
                self.holder,
                self.facts.task.as_deref(),
                self.facts.audience.as_deref(),
            )
        })
    }

    /// Whether `key` approved this very call and the approval still holds.
    pub(crate) fn approved_by(&self, key: &PublicKey) -> bool {
        let now = self.facts.time.secs();
        self.approvals.iter().any(|approval| {
            approval.by == *key && now < approval.expires.secs() && approval.call == *self.digest()
        })
    }
}

impl Rules {
    /// Compiles bounds that are in profile; the error is a pattern that does not compile.
    pub(crate) fn compile(bounds: &Bounds) -> Result<Self, String> {
        let grants = match &bounds.grants {
            Grants::Inherit => None,
            Grants::Only(grants) => Some(grants.iter().map(rule).collect::<Result<_, _>>()?),
        };
        let budgets = bounds.caveats.budgets.iter().map(|budget| {
            let key = BudgetKey {
                kind: budget.kind.clone(),
                id: budget.id().unwrap_or_default(),
            };
            (key, budget.max)
        });
        Ok(Self {
            grants,
            bounds: bounds.clone(),
            budgets: budgets.collect(),
        })
    }

    /// The budgets that the block sets.
    pub(crate) fn budgets(&self) -> &[(BudgetKey, u64)] {
        &self.budgets
    }

    /// Whether the block could allow some call of `capability`.
    pub(crate) fn could(&self, capability: &str) -> bool {
        self.grants
            .as_ref()
            .is_none_or(|rules| rules.iter().any(|rule| rule.grant.capability == capability))
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
        let roots = self
            .matching(call)
            .filter_map(|rule| match rule.grant.args.get(name)? {
                Constraint::PathUnder(roots) => roots
                    .iter()
                    .filter(|root| path.starts_with(root.as_str()))
                    .max_by_key(|root| root.len())
                    .cloned(),
                Constraint::Any => None,
                // A value, a prefix or a pattern speaks of the path's text, so of this path alone.
                _ => Some(path.to_owned()),
            });
        roots.max_by_key(String::len)
    }

    /// Whether a matching grant names this very address among the hosts of a URL argument; a block
    /// that inherits has no say.
    pub(crate) fn names_address(&self, call: &Call, name: &str, ip: IpAddr) -> bool {
        if self.grants.is_none() {
            return true;
        }
        let host = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        self.matching(call)
            .any(|rule| match rule.grant.args.get(name) {
                Some(Constraint::Url(pattern)) => pattern
                    .hosts
                    .as_ref()
                    .is_some_and(|hosts| hosts.contains(&host)),
                _ => false,
            })
    }

    fn matching<'a>(&'a self, call: &'a Call) -> impl Iterator<Item = &'a Rule> {
        let rules = self.grants.as_deref().unwrap_or_default();
        rules.iter().filter(|rule| {
            rule.grant.capability == call.capability()
                && rule.failures(call.args()).next().is_none()
        })
    }

    /// Asks the block at `hop`.
    pub(crate) fn ask(&self, question: &Question<'_>, hop: u32) -> Result<(), Refusal> {
        if !self.granted(question) {
            return Err(self.why_not(question, hop));
        }
        self.caveats(question)
            .map_err(|(kind, detail)| Refusal::at(kind, hop, detail))
    }

    fn granted(&self, question: &Question<'_>) -> bool {
        self.grants.as_ref().is_none_or(|rules| {
            rules.iter().any(|rule| {
                rule.grant.capability == question.call.capability()
                    && rule.failures(question.call.args()).next().is_none()
                    && rule.approved(question)
            })
        })
    }

    /// The refusal of the grant that came nearest.
    fn why_not(&self, question: &Question<'_>, hop: u32) -> Refusal {
        let capability = question.call.capability();
        let rules = self.grants.as_deref().unwrap_or_default();
        let mut near: Vec<(usize, &Rule)> = rules
            .iter()
            .filter(|rule| rule.grant.capability == capability)
            .map(|rule| (rule.failures(question.call.args()).count(), rule))
            .collect();
        near.sort_by_key(|(failures, _)| *failures);
        match near.first() {
            None => {
                let mut names: Vec<&str> = rules
                    .iter()
                    .map(|rule| rule.grant.capability.as_str())
                    .collect();
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
                    .flat_map(|(_, rule)| &rule.grant.approvers)
                    .map(ToString::to_string)
                    .collect();
                Refusal::at(
                    Kind::Approval,
                    hop,
                    format!("the call needs the approval of one of {}", keys.join(", ")),
                )
            }
            Some((_, rule)) => {
                let failures: Vec<String> = rule.failures(question.call.args()).collect();
                Refusal::at(Kind::Argument, hop, failures.join("; "))
            }
        }
    }

    fn caveats(&self, question: &Question<'_>) -> Result<(), (Kind, String)> {
        let (caveats, facts) = (&self.bounds.caveats, question.facts);
        let now = facts.time.secs();
        if let Some(start) = caveats.not_before
            && now < start.secs()
        {
            return Err((
                Kind::NotYetValid,
                format!("the token starts at {start}, now is {}", facts.time),
            ));
        }
        if now >= caveats.expires.secs() {
            return Err((
                Kind::Expired,
                format!(
                    "the token ended at {}, now is {}",
                    caveats.expires, facts.time
                ),
            ));
        }
        for (kind, allowed, given) in [
            (Kind::Audience, &caveats.audience, &facts.audience),
            (Kind::Task, &caveats.task, &facts.task),
            (Kind::Step, &caveats.step, &facts.step),
        ] {
            if let Some(allowed) = allowed
                && given.as_ref().is_none_or(|given| !allowed.contains(given))
            {
                let given = given
                    .as_deref()
                    .map_or_else(|| "not known".to_owned(), |given| format!("`{given}`"));
                return Err((
                    kind,
                    format!("the {kind} is {given}; allowed are {allowed:?}"),
                ));
            }
        }
        if let Some(refused) = subset(
            Kind::Dataset,
            caveats.dataset.as_ref(),
            facts.dataset.as_ref(),
        ) {
            return Err(refused);
        }
        if let Some(refused) = at_most(Kind::Risk, caveats.risk, facts.risk) {
            return Err(refused);
        }
        if let Some(refused) = at_most(Kind::Sensitivity, caveats.sensitivity, facts.sensitivity) {
            return Err(refused);
        }
        if let Some(refused) = subset(Kind::Taint, caveats.taint.as_ref(), facts.taint.as_ref()) {
            return Err(refused);
        }
        if let Some(refused) = at_most(Kind::Depth, caveats.depth, Some(question.depth)) {
            return Err(refused);
        }
        if !question.apart.budgets {
            for (key, max) in &self.budgets {
                within(key, *max, facts.used.get(key).copied())
                    .map_err(|detail| (Kind::Budget, detail))?;
            }
        }
        if !question.apart.approvals {
            for quorum in &caveats.quorums {
                self.quorum(quorum, question)?;
            }
        }
        Ok(())
    }

    fn quorum(&self, quorum: &Quorum, question: &Question<'_>) -> Result<(), (Kind, String)> {
        if !quorum.capabilities.contains(question.call.capability()) {
            return Ok(());
        }
        let have = quorum
            .of
            .iter()
            .filter(|key| question.approved_by(key))
            .count();
        if have >= usize::from(quorum.need) {
            return Ok(());
        }
        let keys: Vec<String> = quorum.of.iter().map(ToString::to_string).collect();
        Err((
            Kind::Approval,
            format!(
                "the call has {have} of {} approvals that it needs, by different keys of {}",
                quorum.need,
                keys.join(", ")
            ),
        ))
    }
}

fn within(key: &BudgetKey, max: u64, used: Option<u64>) -> Result<(), String> {
    const LARGEST: u64 = i64::MAX as u64;
    match used {
        Some(used) if used.min(LARGEST) <= max => Ok(()),
        Some(used) => Err(format!(
            "`{}` would stand at {used} of {max} ({})",
            key.kind, key.id
        )),
        None => Err(format!(
            "what is used of `{}` is not known ({})",
            key.kind, key.id
        )),
    }
}

type Set = std::collections::BTreeSet<String>;

fn subset(kind: Kind, allowed: Option<&Set>, given: Option<&Set>) -> Option<(Kind, String)> {
    match (allowed?, given) {
        (allowed, Some(given)) if given.is_subset(allowed) => None,
        (allowed, Some(given)) => Some((
            kind,
            format!("the {kind} is {given:?}; allowed are {allowed:?}"),
        )),
        (allowed, None) => Some((
            kind,
            format!("the {kind} is not known; allowed are {allowed:?}"),
        )),
    }
}

fn at_most<T: Ord + std::fmt::Display>(
    kind: Kind,
    most: Option<T>,
    given: Option<T>,
) -> Option<(Kind, String)> {
    match (most?, given) {
        (most, Some(given)) if given <= most => None,
        (most, Some(given)) => Some((
            kind,
            format!("the {kind} is {given}; allowed is at most {most}"),
        )),
        (most, None) => Some((
            kind,
            format!("the {kind} is not known; allowed is at most {most}"),
        )),
    }
}

fn rule(grant: &Grant) -> Result<Rule, String> {
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
    fn approved(&self, question: &Question<'_>) -> bool {
        question.apart.approvals
            || self.grant.approvers.is_empty()
            || self
                .grant
                .approvers
                .iter()
                .any(|key| question.approved_by(key))
    }

    /// What is wrong with each argument, lazily. Both lists are sorted by name.
    fn failures<'a>(&'a self, given: &'a [Arg]) -> impl Iterator<Item = String> + 'a {
        let mut given = given.iter().peekable();
        let mut listed = self.args.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                match (given.peek(), listed.peek()) {
                    (None, None) => return None,
                    (Some(arg), Some((name, test))) if arg.name == *name => {
                        let failure = (!test.allows(arg)).then(|| self.outside(name, test));
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

    fn outside(&self, name: &str, _: &Test) -> String {
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
