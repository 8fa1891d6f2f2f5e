//! The caveats that list names, with one row for each.

use std::collections::BTreeSet;

use super::facts::Facts;
use super::refusal::Kind;

/// A caveat that lists the names that it allows, and is compared with what is known of a call.
///
/// A new one takes a variant and a row here, a field of [`Facts`], a kind of refusal, and a method of the
/// scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Label {
    /// The verifiers that the token is for.
    Audience,
    /// The tasks in which the token may be used.
    Task,
    /// The steps of the plan in which the token may be used.
    Step,
    /// The data that a call may touch.
    Dataset,
    /// The taint that the run may have.
    Taint,
}

/// The properties of one label.
struct Row {
    /// Its name in scopes and errors.
    name: &'static str,
    /// Its name in the facts and checks of a block.
    predicate: &'static str,
    /// The words before the list of names in text for people.
    words: &'static str,
    kind: Kind,
    /// Whether a call has one name, and not a set of names. For such a label an empty list would allow no
    /// call, so an empty list is never written.
    single: bool,
    /// Whether the profile writes the check after those of risk and sensitivity.
    after_levels: bool,
}

impl Label {
    /// Every label, in the order in which scopes write them.
    pub const ALL: [Self; 5] = [
        Self::Audience,
        Self::Task,
        Self::Step,
        Self::Dataset,
        Self::Taint,
    ];

    const fn row(self) -> Row {
        let (name, predicate, words, kind, single, after_levels) = match self {
            Self::Audience => (
                "audience",
                "aud",
                "only for the audience",
                Kind::Audience,
                true,
                false,
            ),
            Self::Task => ("task", "task", "only in the task", Kind::Task, true, false),
            Self::Step => ("step", "step", "only in the step", Kind::Step, true, false),
            Self::Dataset => (
                "dataset",
                "dataset",
                "only with the data of",
                Kind::Dataset,
                false,
                false,
            ),
            Self::Taint => (
                "taint",
                "taint",
                "only with the taint",
                Kind::Taint,
                false,
                true,
            ),
        };
        Row {
            name,
            predicate,
            words,
            kind,
            single,
            after_levels,
        }
    }

    /// The name of the field in a scope, such as `audience`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    pub(crate) const fn predicate(self) -> &'static str {
        self.row().predicate
    }

    /// The label whose facts and checks have this predicate.
    pub(crate) fn of_predicate(predicate: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|label| label.predicate() == predicate)
    }

    pub(crate) const fn words(self) -> &'static str {
        self.row().words
    }

    pub(crate) const fn kind(self) -> Kind {
        self.row().kind
    }

    /// Whether a call has one name of this label; its list then holds at least one.
    pub(crate) const fn is_single(self) -> bool {
        self.row().single
    }

    /// The labels whose checks the profile writes before, or after, those of risk and sensitivity.
    pub(crate) fn beside_levels(after: bool) -> impl Iterator<Item = Self> {
        let all = Self::ALL.into_iter();
        all.filter(move |label| label.row().after_levels == after)
    }
}

/// What is known of a call under one label.
pub(crate) enum Given<'a> {
    One(&'a str),
    Set(&'a BTreeSet<String>),
}

impl Facts {
    /// What is known under a label; `None` means "not known".
    pub(crate) fn given(&self, label: Label) -> Option<Given<'_>> {
        match label {
            Label::Audience => self.audience.as_deref().map(Given::One),
            Label::Task => self.task.as_deref().map(Given::One),
            Label::Step => self.step.as_deref().map(Given::One),
            Label::Dataset => self.dataset.as_ref().map(Given::Set),
            Label::Taint => self.taint.as_ref().map(Given::Set),
        }
    }
}

/// The names that are allowed under each label; a label without a list is not constrained.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels([Option<BTreeSet<String>>; Label::ALL.len()]);

impl Labels {
    /// Constrains no label.
    #[must_use]
    pub const fn new() -> Self {
        Self([const { None }; Label::ALL.len()])
    }

    /// The names that are allowed under a label; `None` if it is not constrained.
    #[must_use]
    pub fn get(&self, label: Label) -> Option<&BTreeSet<String>> {
        self.0.get(label as usize)?.as_ref()
    }

    /// Every label that is constrained, with its names.
    pub fn iter(&self) -> impl Iterator<Item = (Label, &BTreeSet<String>)> {
        let all = Label::ALL.into_iter();
        all.filter_map(|label| Some((label, self.get(label)?)))
    }

    /// Constrains a label to these names; `None` removes the constraint.
    pub(crate) fn set(&mut self, label: Label, names: Option<BTreeSet<String>>) {
        if let Some(slot) = self.0.get_mut(label as usize) {
            *slot = names;
        }
    }

    /// The first label that lists no name, of those under which a call has one.
    pub(crate) fn names_nothing(&self) -> Option<Label> {
        self.iter()
            .find(|(label, names)| label.is_single() && names.is_empty())
            .map(|(label, _)| label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_has_a_place_of_its_own() {
        let mut labels = Labels::new();
        for label in Label::ALL {
            labels.set(label, Some([label.name().to_owned()].into()));
        }
        for (label, names) in labels.iter() {
            assert_eq!(names.first().map(String::as_str), Some(label.name()));
            assert_eq!(Label::of_predicate(label.predicate()), Some(label));
        }
        assert_eq!(labels.iter().count(), Label::ALL.len());
        assert_eq!(Label::of_predicate("audience"), None);
        labels.set(Label::Step, None);
        assert_eq!(labels.get(Label::Step), None);
        assert_eq!(labels.iter().count(), Label::ALL.len() - 1);
    }

    #[test]
    fn only_a_label_of_one_name_needs_a_name() {
        for label in Label::ALL {
            let mut labels = Labels::new();
            labels.set(label, Some(BTreeSet::new()));
            let needs = matches!(label, Label::Audience | Label::Task | Label::Step);
            assert_eq!(labels.names_nothing(), needs.then_some(label));
        }
    }

    #[test]
    fn a_label_is_single_where_its_fact_is_one_name() {
        let facts = Facts {
            audience: Some(String::new()),
            task: Some(String::new()),
            step: Some(String::new()),
            dataset: Some(BTreeSet::new()),
            taint: Some(BTreeSet::new()),
            ..Facts::at(crate::id::Timestamp::default())
        };
        for label in Label::ALL {
            let one = matches!(facts.given(label), Some(Given::One(_)));
            assert_eq!(one, label.is_single(), "{label:?}");
            assert!(Facts::at(facts.time).given(label).is_none());
        }
    }
}
