//! A denied call, described for the operator and for the model.

use std::fmt;

use crate::capability::{Kind, Refusal};
use crate::text::printable;

/// A denied call: the agent, the capability, the hop and check that denied it, and what would be
/// allowed.
///
/// `Display` is for the operator. The model gets [`Denial::for_model`], which names the kind and
/// nothing that it could work around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    agent: String,
    capability: String,
    refusal: Refusal,
}

impl Denial {
    /// A denial of `capability` to `agent`.
    #[must_use]
    pub fn new(agent: impl Into<String>, capability: impl Into<String>, refusal: Refusal) -> Self {
        Self {
            agent: agent.into(),
            capability: capability.into(),
            refusal,
        }
    }

    /// The path of the agent that asked.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The capability that was asked for.
    #[must_use]
    pub fn capability(&self) -> &str {
        &self.capability
    }

    /// The stable reason.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.refusal.kind()
    }

    /// Whether the store or the clock could not be used, so that no decision about the call was made.
    #[must_use]
    pub(crate) const fn is_outage(&self) -> bool {
        self.refusal.is_outage()
    }

    /// The hop whose block refused: 0 is the authority, `None` when no block did.
    #[must_use]
    pub const fn hop(&self) -> Option<u32> {
        self.refusal.hop()
    }

    /// What failed, and the nearest allowed values; for the operator.
    #[must_use]
    pub fn detail(&self) -> &str {
        self.refusal.detail()
    }

    /// What the model is told: the kind, and that a retry does not help, or does not help until other
    /// agents have ended.
    #[must_use]
    pub fn for_model(&self) -> String {
        if self.refusal.passes() {
            return format!(
                "`{}` is not permitted ({}): the limit of concurrent helpers is reached. This is not a fault; wait for helpers to end before you ask for another.",
                printable(&self.capability),
                self.kind()
            );
        }
        format!(
            "`{}` is not permitted ({}). This is not a fault; do not retry it, and do not look for another way to the same end.",
            printable(&self.capability),
            self.kind()
        )
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} denied to {}: {}",
            printable(&self.capability),
            printable(&self.agent),
            self.kind()
        )?;
        if let Some(hop) = self.hop() {
            write!(f, " at hop {hop}")?;
        }
        write!(f, ": {}", printable(self.detail()))
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_learns_the_kind_and_nothing_to_work_around() {
        let refusal = Refusal::at(
            Kind::Argument,
            1,
            "argument `path` is outside: under `/srv/docs/`",
        );
        let denial = Denial::new("lead/reader", "fs.read", refusal);
        assert!(!denial.for_model().contains("/srv/docs"));
        assert!(denial.for_model().contains("argument"));
        assert!(denial.for_model().contains("do not retry it"));
        let shown = denial.to_string();
        for part in ["lead/reader", "fs.read", "hop 1", "argument", "/srv/docs/"] {
            assert!(shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn a_name_cannot_forge_a_line() {
        let denial = Denial::new(
            "a\nb",
            "x\u{202e}y\r",
            Refusal::new(Kind::Tool, "\u{1b}[2J"),
        );
        let shown = denial.to_string() + &denial.for_model();
        assert!(
            !shown.contains(['\n', '\r', '\u{1b}', '\u{202e}']),
            "{shown:?}"
        );
    }
}
