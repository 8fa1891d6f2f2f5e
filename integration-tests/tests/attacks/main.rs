//! Attacks: what a hostile holder, caller or block does, and what becomes of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what tests share is test code too"
)]

mod a01_no_grants;
mod a02_wider_child;
mod a03_foreign_datalog;
mod a04_overmatching;
mod a05_delegation;
mod a06_handoff;
mod a07_hop_order;
mod a08_forged_hops;
mod a09_roots_and_keys;
mod a10_taken_names;
mod a11_other_bytes;
mod a12_bombs;
mod a13_replay;
mod a14_arguments;
mod a15_context;
mod a16_strange_values;
mod a17_paths;
mod a18_urls;
mod a19_batches;
mod a20_expiry;
mod a21_budgets;
mod a22_revocation;
mod a23_ended_tasks;
mod a24_approvals;
mod a26_edited_store;
mod a27_audit;
mod a28_hidden_text;
mod a30_no_policy;
mod a31_floods;
mod a32_loops;
mod common;
mod mutations;
mod regressions;
mod work;
