//! Attack 11: a block has one spelling, down to the order in which it lists strings and keys.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use bailiwick::capability::{
    AgentKey, Authority, Budget, Grant, KeyRing, Kind, Mandate, Scope, hours, matches, minutes,
    one_of, path_under,
};
use bailiwick::id::Timestamp;
use bailiwick_integration_tests::forge::{self, Forge};
use biscuit_auth::Biscuit;
use biscuit_auth::format::schema::{self, Predicate, Term, op, scope, term::Content};

/// The first index that is not a default string of Biscuit's.
const OFFSET: u64 = 1024;

fn term(term: &mut Term, new: &impl Fn(u64) -> u64) {
    match &mut term.content {
        Some(Content::String(index)) => *index = new(*index),
        Some(Content::Variable(index)) => *index = u32::try_from(new(u64::from(*index))).unwrap(),
        Some(Content::Set(set)) => set.set.iter_mut().for_each(|one| self::term(one, new)),
        _ => {}
    }
}

fn predicate(predicate: &mut Predicate, new: &impl Fn(u64) -> u64) {
    predicate.name = new(predicate.name);
    predicate.terms.iter_mut().for_each(|one| term(one, new));
}

/// Every string of a block under another index.
fn reindex(block: &mut schema::Block, new: impl Fn(u64) -> u64) {
    for fact in &mut block.facts {
        predicate(&mut fact.predicate, &new);
    }
    for query in block.checks.iter_mut().flat_map(|check| &mut check.queries) {
        predicate(&mut query.head, &new);
        query.body.iter_mut().for_each(|one| predicate(one, &new));
        let ops = query.expressions.iter_mut().flat_map(|one| &mut one.ops);
        for op in ops {
            if let Some(op::Content::Value(value)) = &mut op.content {
                term(value, &new);
            }
        }
    }
}

/// Every key of a block under another index.
fn rekey(block: &mut schema::Block, new: impl Fn(i64) -> i64) {
    for query in block.checks.iter_mut().flat_map(|check| &mut check.queries) {
        for scope in &mut query.scope {
            if let Some(scope::Content::PublicKey(index)) = &mut scope.content {
                *index = new(*index);
            }
        }
    }
}

fn swapped<T: PartialEq + Copy>(a: T, b: T) -> impl Fn(T) -> T {
    move |index| match index {
        index if index == a => b,
        index if index == b => a,
        other => other,
    }
}

#[test]
fn attack_11_strings_and_keys_in_another_order_are_refused_though_they_say_the_same() {
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let approvers = [41, 42, 43].map(|seed| forge::agent(&forge::key(seed)).public());
    let scope = |dir: &str| {
        Scope::new()
            .grant(Grant::new("fs.read").arg("path", path_under(dir)))
            .grant(Grant::new("pay").arg("to", one_of(["a", "b"])))
            .grant(Grant::spawn(["reader"]))
    };
    let holder = AgentKey::generate();
    let first = root
        .mint(&scope("/srv"), &Mandate::default(), holder.public(), now)
        .unwrap();
    let start = Forge::after(&first.to_bytes(), &holder);
    let narrower = Scope::new()
        .grant(Grant::new("fs.read").arg("path", path_under(["/srv/docs", "/srv/more"])))
        .grant(
            Grant::new("pay")
                .arg("to", one_of(["a"]))
                .approved_by(approvers),
        )
        .budget(Budget::new("calls", 3))
        .task("t1")
        .expires_in(minutes(5));
    let child = first
        .held_by(holder)
        .unwrap()
        .delegate("reader", &narrower, AgentKey::generate().public(), now)
        .unwrap();
    let blocks = forge::blocks(&forge::parts(&child.to_bytes()));
    let genuine = forge::block(&blocks[1]);
    assert!(
        ring.chain(&start.clone().edited(&genuine, |_| {}).token())
            .is_ok()
    );

    let source = |forged: &Forge| {
        let mut raw = forge::parts(&forged.token());
        raw.proof.content = Some(schema::proof::Content::NextSecret(
            forged.holder.to_bytes().to_vec(),
        ));
        let key = bailiwick_integration_tests::stock::key(&root.public());
        let token = Biscuit::from(forge::bytes(&raw), key).unwrap();
        token.print_block_source(1).unwrap()
    };
    let says = source(&start.clone().edited(&genuine, |_| {}));
    let refused = |forged: Forge, what: &str| {
        assert_eq!(source(&forged), says, "{what}: another meaning");
        let refusal = ring.chain(&forged.token()).unwrap_err();
        assert_eq!(refusal.kind(), Kind::Malformed, "{what}");
    };

    let before = OFFSET + forge::block(&blocks[0]).symbols.len() as u64;
    let count = genuine.symbols.len();
    assert!(count > 4 && genuine.public_keys.len() == 3, "{genuine:?}");
    for one in 0..count {
        for other in one + 1..count {
            let forged = start.clone().edited(&genuine, |block| {
                block.symbols.swap(one, other);
                reindex(block, swapped(before + one as u64, before + other as u64));
            });
            refused(forged, &format!("strings {one} and {other}"));
        }
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        let forged = start.clone().edited(&genuine, |block| {
            block.public_keys.swap(one as usize, other as usize);
            rekey(block, swapped(one, other));
        });
        refused(forged, &format!("keys {one} and {other}"));
    }
}

#[test]
fn attack_11_a_block_lists_no_string_or_key_that_it_does_not_use() {
    let now = Timestamp::from_secs(1_800_000_000).unwrap();
    let root = Authority::generate();
    let ring = KeyRing::new([root.root()]);
    let holder = AgentKey::generate();
    let scope = Scope::new()
        .grant(Grant::new("t").arg("x", matches("a+")))
        .grant(Grant::spawn(["reader"]))
        .expires_in(hours(1));
    let first = root
        .mint(&scope, &Mandate::default(), holder.public(), now)
        .unwrap();
    let start = Forge::after(&first.to_bytes(), &holder);
    let child = first
        .held_by(holder)
        .unwrap()
        .delegate(
            "reader",
            &Scope::inherit(),
            AgentKey::generate().public(),
            now,
        )
        .unwrap();
    let genuine = forge::block(&forge::blocks(&forge::parts(&child.to_bytes()))[1]);
    let known = forge::block(&start.blocks[0]).symbols[0].clone();
    assert!(
        ring.chain(&start.clone().edited(&genuine, |_| {}).token())
            .is_ok()
    );
    type Change = Box<dyn Fn(&mut schema::Block)>;
    let changes: [(&str, Change); 4] = [
        (
            "a string of no use",
            Box::new(|block| block.symbols.push("spare".to_owned())),
        ),
        ("a string of no use, first", {
            let before = OFFSET + forge::block(&start.blocks[0]).symbols.len() as u64;
            Box::new(move |block| {
                block.symbols.insert(0, "spare".to_owned());
                reindex(block, |index| index + u64::from(index >= before));
            })
        }),
        (
            "a string that is known",
            Box::new(move |block| block.symbols.push(known.clone())),
        ),
        (
            "a key of no use",
            Box::new(|block| {
                block.public_keys.push(forge::public(&forge::key(5)));
            }),
        ),
    ];
    for (what, change) in changes {
        let forged = start.clone().edited(&genuine, |block| change(block));
        let refusal = ring.chain(&forged.token()).unwrap_err();
        assert_eq!(refusal.kind(), Kind::Malformed, "{what}");
    }
}
