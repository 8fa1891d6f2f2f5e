//! MAY THIS CALL HAPPEN? The guard decides, with state and time, and no call runs without its [`Permit`].

mod authorize;
mod budget_slots;
mod builder;
mod context;
mod denial;
mod denials;
mod forget;
mod kept;
mod ledger;
mod permit;
mod policy;
mod replay;
mod revocation;
mod term;
mod verdict;
mod verifier;
mod wait;

pub use crate::text::printable;
pub(crate) use budget_slots::BudgetSlots;
pub use builder::GuardBuilder;
pub use context::{Context, Effect};
pub use denial::Denial;
pub use denials::Under;
pub(crate) use forget::forget;
pub(crate) use ledger::give_back;
pub use ledger::{AGENTS, CALLS, COST, Charged, TOKENS, TURNS};
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
pub use replay::{REPLAY_CAPACITY, REPLAY_QUOTA};
pub use revocation::{Revocable, Revocations};
pub use verdict::{Attempt, Checked, Pending, Presented, Recorder, Repeated, Verdict};
pub use verifier::{Guard, SKEW};
