//! The keys under which revocations are stored.

use super::ended;
use crate::guard::Revocable;
use crate::id::hex;
use crate::store::Key;

/// The prefix of the keys of revocations; the kind comes next.
pub(super) const REVOKED: &str = "revoked";

/// The prefixes of the keys of revocations of paths.
pub(in crate::guard) fn paths() -> [Key; 2] {
    ["agent", "role"].map(|kind| Key::of([REVOKED, kind]))
}

/// The key under which a revocation is stored.
pub(super) fn name(what: &Revocable) -> Key {
    let key = |parts: &[&str]| Key::of([REVOKED].iter().chain(parts));
    match what {
        Revocable::Block(id) => key(&["block", &hex::write(id)]),
        Revocable::Key(by) => key(&["key", &by.to_string()]),
        Revocable::Lineage(id) => key(&["lineage", &hex::write(id)]),
        Revocable::Principal(name) => key(&["principal", name]),
        Revocable::Task(task) => key(&["task", task]),
        Revocable::Agent(path) => key(&["agent", path]),
        Revocable::Role { parent, role } => key(&["role", parent, role]),
    }
}

/// The revocation that is stored under a key.
pub(super) fn named(key: &Key) -> Option<Revocable> {
    let parts = key.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(match parts.as_slice() {
        [_, "block" | ended::KIND, id] => Revocable::Block(hex::read(id)?),
        [_, "key", by] => Revocable::Key(by.parse().ok()?),
        [_, "lineage", id] => Revocable::Lineage(hex::read(id)?),
        [_, "principal", name] => Revocable::Principal((*name).to_owned()),
        [_, "task", task] => Revocable::Task((*task).to_owned()),
        [_, "agent", path] => Revocable::Agent((*path).to_owned()),
        [_, "role", parent, role] => Revocable::Role {
            parent: (*parent).to_owned(),
            role: (*role).to_owned(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::AgentKey;

    #[test]
    fn every_revocation_is_read_back_from_its_name() {
        let text = |text: &str| text.to_owned();
        let all = [
            Revocable::Block([0x5f; 64]),
            Revocable::Key(AgentKey::generate().public()),
            Revocable::Lineage([0xa0; 16]),
            Revocable::Principal(text("a/b %")),
            Revocable::Principal(text("")),
            Revocable::Task(text("sum\nup")),
            Revocable::Agent(text("lead/reader.2")),
            Revocable::Role {
                parent: text(""),
                role: text("lead"),
            },
            Revocable::Role {
                parent: text("lead/a"),
                role: text("b"),
            },
        ];
        for what in &all {
            assert_eq!(named(&name(what)).as_ref(), Some(what));
        }
        let names: std::collections::BTreeSet<_> = all.iter().map(name).collect();
        assert_eq!(names.len(), all.len());
        for strange in [
            "revoked/block/5f",
            "revoked/ended/5f",
            "revoked/moon/1",
            "revoked/key/x",
            "revoked/task",
        ] {
            assert_eq!(named(&strange.parse().unwrap()), None, "{strange}");
        }
    }
}
