//! What describes a call? Its arguments in one canonical form, the readings of each, the facts about the
//! call, and why it is refused.

mod atom;
mod call;
pub mod canonical;
mod cidr;
mod decimal;
mod exposure;
mod facts;
mod label;
pub(crate) mod normal;
mod pattern;
mod reading;
mod refusal;
mod url_pattern;

pub(super) use atom::AtomType;
pub use atom::{Atom, AtomSet};
pub(super) use call::Arg;
pub use call::{Call, CallNonce};
pub use cidr::Cidr;
pub use decimal::Decimal;
pub use exposure::Exposure;
pub use facts::{BudgetKey, Facts, Risk, Sensitivity};
pub(super) use label::Given;
pub use label::{Label, Labels};
pub use pattern::MAX_MATCHED_BYTES;
pub(super) use pattern::{
    Answers, MAX_PATTERNS, Pattern, Patterns, pattern_fault, pattern_matches, too_many_patterns,
};
pub use reading::Reading;
pub(crate) use refusal::by_how_much;
pub use refusal::{Kind, Refusal};
pub use url_pattern::UrlPattern;
pub(super) use url_pattern::{host_fault, host_in};
