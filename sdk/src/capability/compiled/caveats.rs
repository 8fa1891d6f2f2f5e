//! Whether the caveats of one block hold for a call.

use super::Rules;
use crate::capability::bounds::Quorum;
use crate::capability::facts::BudgetKey;
use crate::capability::question::Question;
use crate::capability::refusal::Kind;

impl Rules {
    /// Asks each caveat in the order of the profile; the first that does not hold refuses.
    pub(super) fn caveats(&self, question: &Question<'_>) -> Result<(), (Kind, String)> {
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
