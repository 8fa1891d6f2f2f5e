//! What a run hands back.

use std::fmt;

use serde::de::DeserializeOwned;

use super::run::{Ended, Finished};
use crate::guard::Denial;

/// What a run hands back: its answer, what it cost, and every call that was refused.
#[derive(Clone, Debug)]
pub struct Report {
    agent: String,
    finished: Finished,
    denials: Vec<Denial>,
}

/// A run that ended without an answer. What it did is in the report.
#[derive(Clone, Debug)]
pub struct RunFailed {
    report: Box<Report>,
}

/// An answer that is not of the type asked for.
#[derive(Debug, thiserror::Error)]
#[error("the answer of `{agent}` is not what was asked for: {error}")]
pub struct OutputError {
    agent: String,
    error: serde_json::Error,
}

impl Report {
    pub(super) fn new(
        agent: String,
        finished: Finished,
        denials: Vec<Denial>,
    ) -> Result<Self, RunFailed> {
        let report = Self {
            agent,
            finished,
            denials,
        };
        match report.finished.ended {
            Ended::Answer => Ok(report),
            _ => Err(RunFailed {
                report: Box::new(report),
            }),
        }
    }

    /// The path of the agent that ran.
    #[must_use]
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The answer as text. It is the model's, so escape it before it reaches a terminal.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.finished.text
    }

    /// The answer as a value: the text is read as JSON, once.
    ///
    /// # Errors
    ///
    /// When the text is not JSON of that type.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, OutputError> {
        serde_json::from_str(&self.finished.text).map_err(|error| OutputError {
            agent: self.agent.clone(),
            error,
        })
    }

    /// Every call that was refused, in order.
    #[must_use]
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// Turns, usage, taint, and how the run ended.
    #[must_use]
    pub const fn finished(&self) -> &Finished {
        &self.finished
    }
}

impl RunFailed {
    /// How it ended, without the words for the operator.
    pub(super) fn for_model(&self) -> String {
        format!("`{}` {}", self.report.agent, self.how())
    }

    const fn how(&self) -> &'static str {
        match self.report.finished.ended {
            Ended::TurnLimit => "used all its turns",
            Ended::Budget => "has too little left of a budget",
            Ended::Repeated => "repeated a refused call",
            Ended::Cancelled => "was cancelled",
            Ended::ModelFailed => "got no completion from its model",
            _ => "ended without an answer",
        }
    }

    /// What the run did before it ended.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }
}

impl fmt::Display for RunFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finished = &self.report.finished;
        let how = self.how();
        write!(
            f,
            "`{}` {how} after {} turns: {}",
            self.report.agent,
            finished.turns,
            crate::guard::printable(&finished.text)
        )
    }
}

impl std::error::Error for RunFailed {}
