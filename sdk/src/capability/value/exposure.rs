//! Where instructions in data may come from, and how sensitive the data is.

use std::collections::BTreeSet;

use super::facts::Sensitivity;

/// The exposure of a reader to the data that it has read: where instructions in the data may come from, and
/// how sensitive the most sensitive part is.
///
/// The exposure of an agent only grows ([`Exposure::absorb`]). The default is that of an agent that has read
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    /// The labels of the places from which instructions may come, such as `web`.
    pub taint: BTreeSet<String>,
    /// The most sensitive level; `None` where no level is known.
    pub sensitivity: Option<Sensitivity>,
}

impl Exposure {
    /// The exposure to data with these labels and this level.
    pub fn new<S: Into<String>>(
        taint: impl IntoIterator<Item = S>,
        sensitivity: Option<Sensitivity>,
    ) -> Self {
        Self {
            taint: taint.into_iter().map(Into::into).collect(),
            sensitivity,
        }
    }

    /// Adds the exposure to data that was read: the taint becomes the union of the two, the sensitivity the
    /// higher of the two.
    pub fn absorb(&mut self, read: &Self) {
        self.taint.extend(read.taint.iter().cloned());
        self.sensitivity = self.sensitivity.max(read.sensitivity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_with_the_run() {
        let mut exposure = Exposure::default();
        for (taint, level, all, highest) in [
            (&[] as &[&str], None, &[] as &[&str], None),
            (
                &["web"],
                Some(Sensitivity::Internal),
                &["web"],
                Some(Sensitivity::Internal),
            ),
            (
                &["mail"],
                Some(Sensitivity::Public),
                &["mail", "web"],
                Some(Sensitivity::Internal),
            ),
            (&[], None, &["mail", "web"], Some(Sensitivity::Internal)),
        ] {
            exposure.absorb(&Exposure::new(taint.iter().copied(), level));
            assert_eq!(exposure, Exposure::new(all.iter().copied(), highest));
        }
    }
}
