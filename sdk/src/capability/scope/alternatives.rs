//! One grant as the alternatives that Datalog can write.

use std::collections::BTreeSet;

use super::bounds::Grant;
use super::constraint::{Constraint, Lists};
use crate::capability::value::{Atom, AtomType, Cidr};

/// The most grants that one block holds, alternatives counted.
pub(crate) const MAX_GRANTS: usize = 64;

/// One grant as the alternatives that Datalog can write: one approver each, and one type of value
/// in each constraint, since no predicate has two types.
pub(crate) fn split(grant: &Grant, into: &mut Vec<Grant>) {
    let mut bare = Grant::closed(grant.capability.as_str());
    bare.args = grant.args.clone();
    bare.args
        .retain(|_, constraint| *constraint != Constraint::Absent);
    let mut alternatives = vec![bare];
    for (name, constraint) in &grant.args {
        let parts = parts(constraint);
        if parts.len() > 1 {
            alternatives = alternatives
                .into_iter()
                .flat_map(|alternative| {
                    parts
                        .iter()
                        .map(move |part| alternative.clone().arg(name.as_str(), part.clone()))
                })
                .take(MAX_GRANTS + 1)
                .collect();
        }
    }
    if !grant.approvers.is_empty() {
        alternatives = alternatives
            .into_iter()
            .flat_map(|alternative| {
                grant
                    .approvers
                    .iter()
                    .map(move |key| alternative.clone().approved_by([*key]))
            })
            .take(MAX_GRANTS + 1)
            .collect();
    }
    into.extend(alternatives);
}

/// Whether a grant is its own only alternative, so that a token can hold it.
pub(super) fn is_one(grant: &Grant) -> bool {
    grant.approvers.len() <= 1 && grant.args.values().all(one_type)
}

fn one_type(constraint: &Constraint) -> bool {
    fn same<T: Ord, K: PartialEq>(set: &BTreeSet<T>, kind: impl Fn(&T) -> K) -> bool {
        let first = set.first().map(&kind);
        set.iter().all(|element| first == Some(kind(element)))
    }
    match constraint.lists() {
        Lists::Atoms(atoms, _) => same(atoms, Atom::kind),
        Lists::Networks(networks) => same(networks, |network| network.v4_range().is_some()),
        _ => *constraint != Constraint::Absent,
    }
}

/// A constraint as parts of one type each, whose union is the constraint.
fn parts(constraint: &Constraint) -> Vec<Constraint> {
    match constraint.lists() {
        Lists::Atoms(atoms, kind) => by_type(atoms).into_iter().map(kind).collect(),
        Lists::Networks(networks) => {
            let (four, six): (BTreeSet<Cidr>, BTreeSet<Cidr>) = networks
                .iter()
                .partition(|network| network.v4_range().is_some());
            [four, six]
                .into_iter()
                .filter(|set| !set.is_empty())
                .map(Constraint::Cidr)
                .collect()
        }
        _ => vec![constraint.clone()],
    }
}

fn by_type(atoms: &BTreeSet<Atom>) -> Vec<BTreeSet<Atom>> {
    [AtomType::Str, AtomType::Bool, AtomType::Num, AtomType::Hash]
        .into_iter()
        .map(|kind| {
            atoms
                .iter()
                .filter(|atom| atom.kind() == kind)
                .cloned()
                .collect::<BTreeSet<_>>()
        })
        .filter(|set| !set.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::capability::arbitrary;
    use crate::capability::scope::cidr;

    #[test]
    fn networks_of_one_family_stay_together() {
        let nets = |texts: &[&str]| cidr(texts.iter().map(|text| text.parse().unwrap()));
        let grant = |texts: &[&str]| Grant::new("t").arg("ip", nets(texts));
        let four = ["10.0.0.0/8", "192.168.0.0/16"];
        let six = ["2001:db8::/32", "fc00::/7"];
        for one in [grant(&four), grant(&six)] {
            let mut all = Vec::new();
            split(&one, &mut all);
            assert_eq!(all, std::slice::from_ref(&one));
            assert!(is_one(&one));
        }
        let both = grant(&[four, six].concat());
        let mut all = Vec::new();
        split(&both, &mut all);
        assert_eq!(all, [grant(&four), grant(&six)]);
        assert!(!is_one(&both));
    }

    proptest! {
        #[test]
        fn one_alternative_is_what_splitting_leaves_as_it_is(grant in arbitrary::grant()) {
            let mut all = Vec::new();
            split(&grant, &mut all);
            prop_assert_eq!(is_one(&grant), all == [grant.clone()]);
            prop_assert!(all.iter().all(is_one));
        }
    }
}
