//! What the tests of several attacks share.

pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod decisions;
pub(crate) mod fuzzed;
pub(crate) mod interleavings;
pub(crate) mod regressions;
pub(crate) mod under_load;
pub(crate) mod widening;
pub(crate) mod work;
