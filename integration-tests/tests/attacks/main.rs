//! Attacks: what a hostile holder, caller or block does, and what becomes of it.

mod call;
mod chain;
mod flood;
mod fuzzed;
mod mutations;
mod regressions;
mod spelling;
mod url;
mod widening;
mod work;
