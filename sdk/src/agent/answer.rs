//! Runs whose answer is a value of a Rust type.

use std::sync::Arc;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::driver;
use super::handle::Agent;
use super::report::{Report, RunFailed};
use super::resume::Resumed;
use super::typed::{AnswerFormat, read};
use crate::model::OutputSchema;

/// An answer as a value, and the report of the run that gave it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer<T> {
    /// The value.
    pub value: T,
    /// What the run did.
    pub report: Report,
}

impl AnswerFormat {
    /// An answer of this type.
    fn of<T: JsonSchema + DeserializeOwned>() -> Self {
        let schema = SchemaGenerator::default().into_root_schema_for::<T>();
        Self {
            schema: OutputSchema::new(T::schema_name(), schema.to_value()),
            check: Arc::new(|text| {
                let read = read::<T>(text);
                read.map(drop).map_err(|error| error.to_string())
            }),
        }
    }
}

fn answer<T: DeserializeOwned>(report: Report) -> Result<Answer<T>, RunFailed> {
    match read(report.text()) {
        Ok(value) => Ok(Answer { value, report }),
        Err(error) => Err(report.unfit(&error.to_string())),
    }
}

impl Agent {
    /// Runs the agent on a task until its model answers with a value of type `T`.
    ///
    /// The model is given the JSON schema of the type: natively where the provider has a mode for
    /// it, and in words. If an answer is not such a value, the model is told what is wrong and asked
    /// again, at most [`Limits::max_corrections`](crate::agent::Limits::max_corrections) times.
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no such answer.
    pub async fn run_as<T: JsonSchema + DeserializeOwned>(
        self,
        task: impl Into<String>,
    ) -> Result<Answer<T>, RunFailed> {
        let format = Some(AnswerFormat::of::<T>());
        answer(driver::run(self, task.into(), format).await?)
    }
}

impl Resumed {
    /// As [`Resumed::run`](crate::agent::Resumed::run), for a run that was begun with
    /// [`Agent::run_as`].
    ///
    /// # Errors
    ///
    /// [`RunFailed`] when there is no answer of that type.
    pub async fn run_as<T: JsonSchema + DeserializeOwned>(self) -> Result<Answer<T>, RunFailed> {
        let format = Some(AnswerFormat::of::<T>());
        answer(driver::go_on(self.0, "", format).await?)
    }
}
