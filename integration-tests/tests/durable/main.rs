//! Runs that are kept: processes that stop, are killed, and go on.

mod at_once_crash;
mod changed_build;
mod crash;
mod files;
mod prune;
mod runs;
mod scale;
mod stale_spawn;
mod stopped_helpers;
