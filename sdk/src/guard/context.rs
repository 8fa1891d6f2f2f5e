//! What is known about a call from the tool's declaration and the run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::policy::DecidedBy;
use crate::capability::{Exposure, Facts, Risk, Sensitivity};
use crate::id::Timestamp;

/// What a tool does to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Reads, and changes nothing.
    Read,
    /// Changes something that can be changed back.
    Write,
    /// Destroys something.
    Delete,
    /// Sends something out of the system.
    Send,
    /// Starts something that acts on its own.
    Spawn,
}

impl Effect {
    /// Every effect.
    pub const ALL: &'static [Self] = &[
        Self::Read,
        Self::Write,
        Self::Delete,
        Self::Send,
        Self::Spawn,
    ];
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Send => "send",
            Self::Spawn => "spawn",
        })
    }
}

/// What is known about a call from the tool's declaration and the run.
///
/// None of it comes from the model or from a remote caller. Taint and sensitivity come from the exposure of
/// the run, which grows with what it reads ([`Exposure::absorb`]) and never falls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The facts that a token's caveats check: time, audience, task, step, data, risk, taint.
    pub facts: Facts,
    /// What the tool does to the world.
    pub effect: Effect,
    /// The agent's path from the root, such as `lead/reader`.
    pub agent: String,
    /// The environment that the call would act on, such as `production`.
    pub environment: Option<String>,
    /// Who owns the data or the tool.
    pub owner: Option<String>,
    /// The purpose of the run, in the words of the caller that started it.
    pub intent: Option<String>,
    /// The sets of policies that took part in the decision. The guard sets it.
    pub(super) decided_by: Vec<DecidedBy>,
}

impl Context {
    /// A context that knows the agent, the tool's effect and risk, and the time.
    #[must_use]
    pub fn new(agent: impl Into<String>, effect: Effect, risk: Risk, time: Timestamp) -> Self {
        let mut facts = Facts::at(time);
        facts.risk = Some(risk);
        Self {
            facts,
            effect,
            agent: agent.into(),
            environment: None,
            owner: None,
            intent: None,
            decided_by: Vec::new(),
        }
    }

    /// The sets of policies that took part in the decision about the call, and those of their policies that
    /// decided. The list is empty as long as no policy was asked.
    #[must_use]
    pub fn decided_by(&self) -> &[DecidedBy] {
        &self.decided_by
    }

    /// Sets the taint and sensitivity that caveats check, from the exposure of the run (`None` if it is not
    /// known) and the sensitivity of the data that the call itself touches.
    ///
    /// If the level of the call is not known, the sensitivity is not known either, even if the level of what
    /// the run has read is; a caveat that asks for it then refuses the call.
    pub fn expose(&mut self, run: Option<&Exposure>, own: Option<Sensitivity>) {
        let read = run.and_then(|run| run.sensitivity);
        self.facts.taint = run.map(|run| run.taint.clone());
        self.facts.sensitivity = own.map(|own| read.map_or(own, |read| read.max(own)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_as_sensitive_as_what_it_touches_and_what_the_run_has_read() {
        use Sensitivity::{Confidential, Internal, Public};
        let exposure = |level| Exposure::new(["web"], level);
        for (run, own, expected) in [
            (None, None, None),
            (None, Some(Public), Some(Public)),
            (Some(exposure(None)), Some(Public), Some(Public)),
            (Some(exposure(Some(Internal))), Some(Public), Some(Internal)),
            (
                Some(exposure(Some(Internal))),
                Some(Confidential),
                Some(Confidential),
            ),
            (Some(exposure(Some(Internal))), None, None),
        ] {
            let mut context = Context::new("lead", Effect::Read, Risk::Low, Timestamp::default());
            context.expose(run.as_ref(), own);
            assert_eq!(context.facts.sensitivity, expected, "{run:?} {own:?}");
            assert_eq!(context.facts.taint, run.map(|run| run.taint));
        }
    }

    #[test]
    fn each_effect_has_its_name() {
        let all: Vec<_> = Effect::ALL.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["read", "write", "delete", "send", "spawn"]);
    }
}
