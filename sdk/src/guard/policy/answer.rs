//! What a policy answers, and which policies it was decided by.

use std::fmt;

use crate::id::hex::Hex;

/// What a policy says of a call that the token allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The policy allows the call.
    Permit,
    /// The policy refuses the call, for this reason.
    Deny(String),
    /// The policy asks for a person's signature over this same call, for this reason.
    Ask(String),
}

/// A set of policies that took part in a decision, and those of its policies that decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecidedBy {
    /// The SHA-256 digest of the set; `None` for a policy that is not loaded from a text.
    pub set: Option<[u8; 32]>,
    /// The engine and its version, such as `cedar-policy 4.14.1`; `None` for a policy written in Rust.
    pub engine: Option<String>,
    /// The ids of the deciding policies, sorted. The list is empty if no policy of the set applied.
    pub policies: Vec<String>,
}

/// The most ids of a set that the text of a [`DecidedBy`] names.
const NAMED: usize = 16;

impl fmt::Display for DecidedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.policies.len() {
            0 => "no policy",
            1 => "policy ",
            _ => "policies ",
        })?;
        for (at, id) in self.policies.iter().take(NAMED).enumerate() {
            let id: String = id.chars().take(64).collect();
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}`{id}`")?;
        }
        if let Some(more) = self
            .policies
            .len()
            .checked_sub(NAMED)
            .filter(|more| *more > 0)
        {
            write!(f, " and {more} more")?;
        }
        if let Some(set) = &self.set {
            write!(f, " of the set {}", Hex(set))?;
        }
        match &self.engine {
            Some(engine) => write!(f, " ({engine})"),
            None => Ok(()),
        }
    }
}

/// The answer of a policy: its decision, and by which sets and policies it was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The decision.
    pub decision: Decision,
    /// The sets that took part, in the order in which they were asked.
    pub by: Vec<DecidedBy>,
}

impl Answer {
    /// An answer that allows the call.
    #[must_use]
    pub const fn permit() -> Self {
        Self {
            decision: Decision::Permit,
            by: Vec::new(),
        }
    }

    /// An answer that refuses the call, for this reason. The reason is for the operator; a model never
    /// reads it.
    #[must_use]
    pub fn deny(why: impl Into<String>) -> Self {
        Decision::Deny(why.into()).into()
    }

    /// An answer that asks for a person's approval of the call, for this reason.
    #[must_use]
    pub fn ask(why: impl Into<String>) -> Self {
        Decision::Ask(why.into()).into()
    }

    /// The same answer, which this set took part in as well.
    #[must_use]
    pub fn by(mut self, set: DecidedBy) -> Self {
        self.by.push(set);
        self
    }
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        Self {
            decision,
            by: Vec::new(),
        }
    }
}

/// Why a policy could not decide. The guard denies the call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct PolicyError {
    what: String,
    by: Vec<DecidedBy>,
}

impl PolicyError {
    /// An error with an explanation for the operator.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            by: Vec::new(),
        }
    }

    /// The same error, which arose in this set.
    #[must_use]
    pub fn by(mut self, set: DecidedBy) -> Self {
        self.by.push(set);
        self
    }

    /// The sets that took part until the error arose, in the order in which they were asked.
    #[must_use]
    pub fn sets(&self) -> &[DecidedBy] {
        &self.by
    }

    /// The denial that the error is, with the sets in which it arose.
    pub(in crate::guard) fn into_answer(self) -> Answer {
        Answer {
            decision: Decision::Deny(self.what),
            by: self.by,
        }
    }

    /// The same error, after these sets had taken part.
    pub(super) fn after(mut self, mut by: Vec<DecidedBy>) -> Self {
        by.append(&mut self.by);
        self.by = by;
        self
    }
}

impl From<String> for PolicyError {
    fn from(what: String) -> Self {
        Self::new(what)
    }
}

impl From<&str> for PolicyError {
    fn from(what: &str) -> Self {
        Self::new(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_policies_set_and_engine() {
        let mut by = DecidedBy::default();
        assert_eq!(by.to_string(), "no policy");
        by.policies = vec!["a".to_owned()];
        assert_eq!(by.to_string(), "policy `a`");
        by.policies.push("b".repeat(100));
        by.set = Some([0xab; 32]);
        by.engine = Some("engine 1".to_owned());
        let (long, set) = ("b".repeat(64), "ab".repeat(32));
        assert_eq!(
            by.to_string(),
            format!("policies `a`, `{long}` of the set {set} (engine 1)")
        );
        by.policies = (0..NAMED).map(|id| id.to_string()).collect();
        assert!(!by.to_string().contains("more"));
        by.policies.push("last".to_owned());
        let shown = by.to_string();
        assert!(
            shown.contains(" and 1 more") && !shown.contains("last"),
            "{shown}"
        );
    }
}
