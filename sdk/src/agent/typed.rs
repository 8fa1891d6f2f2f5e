//! Answers as values of a Rust type.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::model::OutputSchema;

/// Looks at an answer, and says what is wrong with it.
pub(super) type Check = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// What an answer must look like.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) schema: OutputSchema,
    pub(super) check: Check,
}

/// A value from an answer: JSON, with or without a Markdown fence around it.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(bare(text))
}

/// The text without a fence around it, if there is one and nothing else.
fn bare(text: &str) -> &str {
    let text = text.trim();
    let inner = || {
        let inner = text.strip_prefix("```")?.strip_suffix("```")?;
        let (language, inner) = inner.split_once('\n')?;
        let is_name = language.trim().chars().all(char::is_alphanumeric);
        (is_name && !inner.contains("```")).then_some(inner.trim())
    };
    inner().unwrap_or(text)
}

#[cfg(feature = "schema")]
pub use with_schema::Answer;

#[cfg(feature = "schema")]
mod with_schema {
    use std::sync::Arc;

    use schemars::{JsonSchema, SchemaGenerator};
    use serde::de::DeserializeOwned;

    use super::{Wanted, read};
    use crate::agent::handle::Agent;
    use crate::agent::report::{Report, RunFailed};
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

    impl Wanted {
        /// An answer of this type.
        pub(in crate::agent) fn of<T: JsonSchema + DeserializeOwned>() -> Self {
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

    pub(in crate::agent) fn answer<T: DeserializeOwned>(
        report: Report,
    ) -> Result<Answer<T>, RunFailed> {
        match read(report.text()) {
            Ok(value) => Ok(Answer { value, report }),
            Err(error) => Err(report.unfit(&error.to_string())),
        }
    }

    impl Agent {
        /// Runs the agent on a task until its model answers with a value of type `T`.
        ///
        /// The model is given the JSON schema of the type: natively where the provider has a mode for
        /// it, and in words. An answer that is no such value is told what is wrong with it and asked for
        /// again, at most [`Limits::max_corrections`](crate::agent::Limits::max_corrections) times.
        ///
        /// # Errors
        ///
        /// [`RunFailed`] when there is no such answer.
        pub async fn run_as<T: JsonSchema + DeserializeOwned>(
            self,
            task: impl Into<String>,
        ) -> Result<Answer<T>, RunFailed> {
            let wanted = Some(Wanted::of::<T>());
            answer(crate::agent::driver::run(self, task.into(), wanted).await?)
        }
    }

    impl crate::agent::Resumed {
        /// As [`Resumed::run`](crate::agent::Resumed::run), for a run that was begun with
        /// [`Agent::run_as`].
        ///
        /// # Errors
        ///
        /// [`RunFailed`] when there is no answer of that type.
        pub async fn run_as<T: JsonSchema + DeserializeOwned>(
            self,
        ) -> Result<Answer<T>, RunFailed> {
            let wanted = Some(Wanted::of::<T>());
            answer(crate::agent::driver::go_on(self, "", wanted).await?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_around_an_answer_is_taken_off_and_nothing_else() {
        for text in ["[1]", " [1]\n", "```json\n[1]\n```", "```\n[1]```\n"] {
            assert_eq!(read::<Vec<u8>>(text).unwrap(), [1], "{text:?}");
        }
        for text in [
            "",
            "```json [1]```",
            "x ```json\n[1]\n```",
            "```\n[1]\n``` ```\n[1]\n```",
        ] {
            assert!(read::<Vec<u8>>(text).is_err(), "{text:?}");
        }
    }
}
