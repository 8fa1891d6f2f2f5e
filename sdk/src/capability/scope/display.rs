//! Grants, constraints and bounds in plain words, for terminals and error messages.

use std::fmt::{self, Display, Formatter};

use super::bounds::{Bounds, Budget, Grant, Grants, Quorum};
use super::constraint::Constraint;
use crate::capability::value::{Atom, UrlPattern};

/// Text as it is where it is plain, else quoted and escaped.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let plain = !self.0.is_empty()
            && self
                .0
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b',');
        if plain {
            f.write_str(self.0)
        } else {
            write!(f, "{:?}", self.0)
        }
    }
}

/// `a, b or c`.
pub(crate) fn either(items: impl IntoIterator<Item = impl Display>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => "nothing".to_owned(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} or {last}", items.join(", ")),
    }
}

/// As [`either`], for names and other text.
pub(crate) fn texts<'a, S: AsRef<str> + 'a + ?Sized>(
    items: impl IntoIterator<Item = &'a S>,
) -> String {
    either(items.into_iter().map(|text| Plain(text.as_ref())))
}

fn atoms<'a>(items: impl IntoIterator<Item = &'a Atom>) -> String {
    either(items.into_iter().map(|atom| format!("{atom:?}")))
}

impl Display for Constraint {
    /// What may be, so that it reads on from the name: `is under /srv/docs`.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eq(atom) => write!(f, "is {atom:?}"),
            Self::OneOf(set) => write!(f, "is {}", atoms(set)),
            Self::Prefix(set) => write!(f, "starts with {}", texts(set)),
            Self::Range {
                min: Some(min),
                max: Some(max),
            } => write!(f, "is {min} to {max}"),
            Self::Range {
                min: Some(min),
                max: None,
            } => write!(f, "is at least {min}"),
            Self::Range {
                min: None,
                max: Some(max),
            } => write!(f, "is at most {max}"),
            Self::Range {
                min: None,
                max: None,
            } => f.write_str("is a number"),
            Self::SubsetOf(set) => write!(f, "is a list of {}", atoms(set)),
            Self::PathUnder(set) => {
                write!(
                    f,
                    "is under {}",
                    texts(set.iter().map(|root| super::constraint::strip_slash(root)))
                )
            }
            Self::Url(pattern) => pattern.fmt(f),
            Self::Host(set) => write!(f, "is the host {}", hosts(set)),
            Self::Cidr(set) => write!(f, "is an address in {}", either(set)),
            Self::Matches(set) => write!(f, "matches {}", texts(set)),
            Self::Any => f.write_str("is anything"),
            Self::Absent => f.write_str("is not given"),
        }
    }
}

fn hosts<'a>(set: impl IntoIterator<Item = &'a String>) -> String {
    either(set.into_iter().map(|host| match host.strip_prefix('.') {
        Some(name) => format!("{} and all under it", Plain(name)),
        None => Plain(host).to_string(),
    }))
}

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
            Grants::Inherit => vec!["all that the blocks before grant".to_owned()],
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
