//! Agents: trees, turns, budgets and helpers.

mod at_once;
mod at_once_trees;
mod budgets;
mod children;
mod handoff;
mod spans;
mod spawn_task;
mod trees;
mod turns;
mod typed_answers;
mod weak_model;
