//! Grants, URL patterns and bounds in plain words, for terminals and error messages.

use std::fmt::{self, Display, Formatter};

use super::bounds::{Bounds, Budget, Grant, Grants, Quorum};
use super::constraint::Constraint;
use super::plain::{Plain, either, hosts, texts};
use crate::capability::value::UrlPattern;

impl Display for UrlPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("is a URL")?;
        if let Some(set) = &self.schemes {
            write!(f, " by {}", texts(set))?;
        }
        if let Some(set) = &self.hosts {
            write!(f, " at {}", hosts(set))?;
        }
        if let Some(set) = &self.ports {
            write!(f, " on port {}", either(set))?;
        }
        if let Some(set) = &self.paths {
            write!(f, " under {}", texts(set))?;
        }
        Ok(())
    }
}

impl Display for Grant {
    /// `fs.read where path is under /srv/docs`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Plain(&self.capability))?;
        let mut word = " where";
        for (name, constraint) in self
            .args
            .iter()
            .filter(|(_, one)| !matches!(one, Constraint::Any))
        {
            write!(f, "{word} {} {constraint}", Plain(name))?;
            word = " and";
        }
        let free: Vec<_> = self
            .args
            .iter()
            .filter(|(_, one)| matches!(one, Constraint::Any))
            .collect();
        if !free.is_empty() {
            let names: Vec<_> = free
                .iter()
                .map(|(name, _)| Plain(name).to_string())
                .collect();
            write!(f, " with any {}", names.join(", "))?;
        }
        if self.args.is_empty() {
            f.write_str(" without arguments")?;
        }
        if !self.approvers.is_empty() {
            write!(f, ", approved by {}", either(&self.approvers))?;
        }
        Ok(())
    }
}

impl Display for Budget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} {}", self.max, Plain(&self.kind))?;
        if let Some(label) = &self.label {
            write!(f, ", counted as {}", Plain(label))?;
        }
        self.signer
            .map_or(Ok(()), |signer| write!(f, ", set by {signer}"))
    }
}

impl Display for Quorum {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} must approve {}",
            self.need,
            either(&self.of),
            texts(&self.capabilities)
        )
    }
}

impl Bounds {
    /// The bounds in plain words, one line for each grant and each caveat.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = match &self.grants {
            Grants::Inherit => vec!["everything that the earlier blocks grant".to_owned()],
            Grants::Only(grants) if grants.is_empty() => vec!["nothing".to_owned()],
            Grants::Only(grants) => grants.iter().map(ToString::to_string).collect(),
        };
        let caveats = &self.caveats;
        lines.extend(
            caveats
                .not_before
                .map(|start| format!("not before {start}")),
        );
        lines.push(format!("before {}", caveats.expires));
        let labels = caveats.labels.iter();
        lines.extend(labels.map(|(label, names)| format!("{} {}", label.words(), texts(names))));
        lines.extend(caveats.risk.map(|risk| format!("a risk of at most {risk}")));
        lines.extend(
            caveats
                .sensitivity
                .map(|level| format!("data that is at most {level}")),
        );
        lines.extend(caveats.depth.map(|hops| {
            format!(
                "at most {hops} {} from the root",
                if hops == 1 { "hop" } else { "hops" }
            )
        }));
        lines.extend(caveats.budgets.iter().map(ToString::to_string));
        lines.extend(caveats.quorums.iter().map(ToString::to_string));
        lines
    }
}
