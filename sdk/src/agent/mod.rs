//! Who does it: agents, their runs, and what drives them.

mod run;

pub use run::{CallOutcome, DenialNote, Ended, Finished, Limits, Run, RunError, Step};
