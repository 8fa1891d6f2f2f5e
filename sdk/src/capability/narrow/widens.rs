//! The ways in which a child is wider than its parents, as text.

use std::fmt;

use super::cut;

/// How many ways are written out.
const SHOWN: usize = 64;

/// Every way in which a child is wider than the chain that it is derived from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Widens {
    excesses: Vec<Excess>,
    /// Whether there may be more ways, which were not searched for.
    is_cut: bool,
}

/// One way in which a child exceeds what its parents allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Excess {
    place: String,
    child: String,
    parent: String,
    pub(super) undecided: bool,
}

impl Widens {
    pub(super) const fn new(excesses: Vec<Excess>, is_cut: bool) -> Self {
        Self { excesses, is_cut }
    }

    /// Adds the ways of `other`.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.excesses.extend(other.excesses);
        self.is_cut |= other.is_cut;
        self
    }

    /// The chain may not grow to `hop` hops, with any scope of the next hop.
    pub(crate) fn depth(most: u32, hop: u32) -> Self {
        let parent = if most.checked_add(1) == Some(hop) {
            format!(
                "the token ends at {most} hops: it does not grant `agent.spawn`, or `max_depth` is reached"
            )
        } else {
            format!("the token ends at {most} hops")
        };
        let excess = Excess::new("max_depth", format!("hop {hop}"), parent);
        Self::new(vec![excess], false)
    }

    /// The ways, those of grants first; there is at least one, and about a hundred of grants at most.
    #[must_use]
    pub fn excesses(&self) -> &[Excess] {
        &self.excesses
    }
}

impl Excess {
    pub(super) fn new(
        place: impl Into<String>,
        child: impl Into<String>,
        parent: impl Into<String>,
    ) -> Self {
        Self {
            place: place.into(),
            child: cut::short(child.into()),
            parent: cut::short(parent.into()),
            undecided: false,
        }
    }

    /// The place in the child's bounds, such as `grants[1].args.path`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The value that the child asks for, in words.
    #[must_use]
    pub fn child(&self) -> &str {
        &self.child
    }

    /// The nearest value that the parent allows, in words.
    #[must_use]
    pub fn parent(&self) -> &str {
        &self.parent
    }

    /// Whether the comparison is undecided, so that the child may be narrower after all.
    #[must_use]
    pub const fn undecided(&self) -> bool {
        self.undecided
    }
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            child,
            parent,
            undecided,
        } = self;
        write!(f, "{place}: the child's {child}; the parent's {parent}")?;
        if *undecided {
            f.write_str(" (whether that is narrower cannot be decided; restate the parent's, or list values)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Widens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.excesses.iter().take(SHOWN);
        let mut lines: Vec<String> = shown.map(ToString::to_string).collect();
        let left = self.excesses.len() - lines.len();
        if left > 0 {
            let least = if self.is_cut { "at least " } else { "" };
            lines.push(format!("… and {least}{} more ways", cut::grouped(left)));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Widens {}
