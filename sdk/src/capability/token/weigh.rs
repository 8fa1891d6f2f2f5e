//! Estimates how many bytes a block holds in memory, as it was read and as it is compiled.

use std::collections::BTreeSet;

use crate::capability::block::Block;
use crate::capability::scope::{Bounds, Budget, Caveats, Constraint, Grant, Grants, Lists, Quorum};
use crate::capability::value::{Atom, UrlPattern};

/// The overhead of an allocation, in bytes.
const ALLOCATION: usize = 16;
/// How many entries fit in a node of a tree.
const NODE: usize = 11;

/// The bytes that a block and its compiled form hold on the heap.
pub(super) fn weigh(block: &Block) -> usize {
    match block {
        Block::Authority(block) => {
            optional(block.principal.as_ref())
                + optional(block.intent.as_ref())
                + bounds(&block.bounds)
        }
        Block::Hop(block) => {
            text(&block.role) + optional(block.decision.as_ref()) + bounds(&block.bounds)
        }
        Block::Approval(_) => 0,
        Block::Call(block) => text(&block.capability) + text(&block.audience),
    }
}

fn text(text: &str) -> usize {
    text.len() + ALLOCATION
}

fn optional(given: Option<&String>) -> usize {
    given.map_or(0, |given| text(given))
}

/// The bytes of a tree with entries of this size.
fn tree(entries: usize, each: usize) -> usize {
    // Nodes are at least half full, except the last.
    entries.div_ceil(NODE / 2) * (NODE * each + 2 * ALLOCATION)
}

fn texts(set: &BTreeSet<String>) -> usize {
    tree(set.len(), size_of::<String>()) + set.iter().map(|one| text(one)).sum::<usize>()
}

fn atoms(set: &BTreeSet<Atom>) -> usize {
    tree(set.len(), size_of::<Atom>()) + set.iter().map(atom).sum::<usize>()
}

fn atom(atom: &Atom) -> usize {
    match atom {
        Atom::Str(one) => text(one),
        _ => 0,
    }
}

fn constraint(constraint: &Constraint) -> usize {
    match constraint.lists() {
        Lists::Nothing => 0,
        Lists::One(one) => atom(one),
        Lists::Atoms(set, _) => atoms(set),
        Lists::Texts(set, _) => texts(set),
        Lists::Networks(set) => tree(set.len(), size_of::<crate::capability::value::Cidr>()),
        Lists::Url(pattern) => {
            let UrlPattern {
                schemes,
                hosts,
                ports,
                paths,
            } = pattern;
            let sets = [schemes, hosts, paths].into_iter().flatten();
            sets.map(texts).sum::<usize>()
                + ports
                    .as_ref()
                    .map_or(0, |ports| tree(ports.len(), size_of::<u16>()))
        }
    }
}

/// The bytes of a grant in its tree and of its compiled form in a list.
fn grant(grant: &Grant) -> usize {
    let entry = size_of::<String>() + size_of::<Constraint>();
    let written: usize = grant
        .args
        .iter()
        .map(|(name, one)| 2 * (text(name) + constraint(one)) + size_of::<Constraint>() + 48)
        .sum();
    let approvers = tree(grant.approvers.len(), 32) + 32 * grant.approvers.len();
    // The compiled grant has three boxes.
    size_of::<Grant>()
        + 48
        + 3 * ALLOCATION
        + 2 * text(&grant.capability)
        + tree(grant.args.len(), entry)
        + written
        + approvers
}

fn bounds(bounds: &Bounds) -> usize {
    let grants = match &bounds.grants {
        Grants::Inherit => 0,
        Grants::Only(grants) => grants.iter().map(grant).sum(),
    };
    grants + caveats(&bounds.caveats)
}

fn caveats(caveats: &Caveats) -> usize {
    let Caveats {
        labels,
        budgets,
        quorums,
        ..
    } = caveats;
    // Once as written and once in the compiled list, where each entry takes up to a hundred bytes.
    let budget = |budget: &Budget| {
        size_of::<Budget>() + 256 + 2 * text(&budget.kind) + 2 * optional(budget.label.as_ref())
    };
    let quorum = |quorum: &Quorum| {
        2 * (size_of::<Quorum>() + texts(&quorum.capabilities) + tree(quorum.of.len(), 32))
    };
    let label = |(_, names)| 2 * texts(names) + 128;
    labels.iter().map(label).sum::<usize>()
        + budgets.iter().map(budget).sum::<usize>()
        + quorums.iter().map(quorum).sum::<usize>()
        + 8 * 128
}
