//! MAY THIS CALL HAPPEN? The guard decides, with state and time, and no call runs without its [`Permit`].

mod authorization;
mod authorize;
mod budget_slots;
mod builder;
mod charge;
mod context;
mod denial;
mod denials;
mod durable;
mod ledger;
mod permit;
mod policy;
mod prune;
mod recorded;
mod replay;
mod revocation;
mod term;
#[cfg(test)]
mod tests;
mod verdict;
mod verifier;
mod wait;

pub use crate::text::printable;
pub use authorization::Authorization;
pub(crate) use budget_slots::BudgetSlots;
pub use builder::GuardBuilder;
pub use charge::{Charge, Charged, Settle};
pub use context::{Context, Effect};
pub use denial::Denial;
pub use denials::Under;
pub(crate) use ledger::give_back;
pub use ledger::{AGENTS, CALLS, COST, TOKENS, TURNS};
#[doc(hidden)]
pub use permit::Allowed;
pub use permit::{Permit, Reservation};
pub use policy::{
    AllOf, Answer, DecidedBy, Decision, Policy, PolicyError, PolicySet, QUESTION_VERSION, Question,
};
#[cfg(feature = "cedar")]
pub use policy::{
    CedarError, CedarPolicy, MAX_POLICIES, MAX_POLICY_BYTES, MAX_POLICY_DEPTH,
    MAX_POLICY_OPERATORS, MAX_POLICY_VALUES, cedar_schema,
};
pub(crate) use prune::prune_state;
pub use recorded::Recorded;
pub use replay::{REPLAY_CAPACITY, REPLAY_QUOTA};
pub use revocation::{Revocable, Revocations};
pub(crate) use verdict::Shared;
pub use verdict::{Attempt, Checked, Pending, Presented, Recorder, Repeated, Verdict};
pub use verifier::{Guard, SKEW};
