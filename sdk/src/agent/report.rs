//! The report of a run.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::DeserializeOwned;

use super::run::{CallOutcome, Ended, Finished};
use super::unknown::UnknownOutcome;
use crate::guard::Denial;

/// The report of a run: its answer, what it cost, and every call that was refused.
#[derive(Clone, Debug)]
pub struct Report {
    agent: String,
    finished: Finished,
    denials: Vec<Denial>,
    unknown: Vec<UnknownOutcome>,
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
        unknown: Vec<UnknownOutcome>,
    ) -> Result<Self, RunFailed> {
        let report = Self {
            agent,
            finished,
            denials,
            unknown,
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

    /// The answer as a value: the text is read as JSON, with or without a Markdown fence around it.
    ///
    /// # Errors
    ///
    /// When the text is not JSON of that type.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, OutputError> {
        super::typed::read(&self.finished.text).map_err(|error| OutputError {
            agent: self.agent.clone(),
            error,
        })
    }

    /// Every call that was refused, in order.
    #[must_use]
    pub fn denials(&self) -> &[Denial] {
        &self.denials
    }

    /// The calls of this agent and of those beneath it whose outcome is not known, because a process
    /// ended while they were made: each may or may not have had its effect.
    ///
    /// They are those that were found when the run was last resumed ([`Resumed::unknown`]) and since.
    ///
    /// [`Resumed::unknown`]: super::Resumed::unknown
    #[must_use]
    pub fn unknown(&self) -> &[UnknownOutcome] {
        &self.unknown
    }

    /// The same report of an answer that is not of the type that was asked for.
    #[cfg(feature = "schema")]
    pub(super) fn unfit(mut self, why: &str) -> RunFailed {
        self.finished.ended = Ended::Unfit;
        self.finished.text = why.to_owned();
        RunFailed {
            report: Box::new(self),
        }
    }

    /// Turns, usage, taint, and how the run ended.
    #[must_use]
    pub const fn finished(&self) -> &Finished {
        &self.finished
    }
}

impl CallOutcome {
    /// The text that the model is told of a helper's run; if the helper took the task over, the text with which
    /// the caller's own run ends.
    pub(super) fn answer(report: &Result<Report, RunFailed>, took_over: bool) -> Self {
        let (answered, text) = match report {
            Ok(report) => (true, report.text().to_owned()),
            Err(failed) => (false, failed.for_model()),
        };
        match answered {
            _ if took_over => Self::HandedOver { answered, text },
            true => Self::Value(text),
            false => Self::Failed(text),
        }
    }
}

impl RunFailed {
    /// How it ended, without the text for the operator.
    pub(super) fn for_model(&self) -> String {
        let unknown = self.report.unknown.iter();
        let unknown: BTreeSet<&str> = unknown.map(|call| call.capability.as_str()).collect();
        let unknown = Vec::from_iter(unknown).join("`, `");
        let told = format!("`{}` {}", self.report.agent, self.how());
        match unknown.is_empty() {
            true => told,
            false => format!(
                "{told}; the outcome of its calls of `{unknown}` is not known: they may have had their \
                 effect, so find out before you make them again"
            ),
        }
    }

    const fn how(&self) -> &'static str {
        match self.report.finished.ended {
            Ended::TurnLimit => "used all its turns",
            Ended::Budget => "has too little left of a budget",
            Ended::Repeated => "repeated a refused call",
            Ended::Denied => "made one refused call after another",
            Ended::Malformed => "made one call after another with arguments that cannot be read",
            Ended::Looping => "made the same call again and again, with the same result",
            Ended::Cancelled => "was cancelled",
            Ended::ModelFailed => "got no completion from its model",
            Ended::Unfit => "gave no answer of the type that was asked for",
            Ended::NoAnswer => "got no answer from its model, which said nothing",
            Ended::CutShort => "got no answer from its model, which reached the limit of tokens",
            Ended::Refused => "got no answer from its model, which refused",
            Ended::HandedOver => "handed its task over to an agent that gave no answer",
            Ended::NotPersisted => "stopped because its last step could not be stored",
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
            crate::text::printable(&finished.text)
        )
    }
}

impl std::error::Error for RunFailed {}
