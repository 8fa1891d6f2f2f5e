//! Attack 11: bytes that are not canonical.

mod chain {
    use bailiwick::capability::{KeyRing, Kind};
    use bailiwick_integration_tests::forge::{self, Forge};
    use prost::Message;

    use crate::common::chain::{CHECK, agent, kind, refused, set};

    #[test]
    fn attack_11_truncated_flipped_and_padded_bytes_are_refused() {
        let set = set();
        let bytes = set.chains[2].to_bytes();
        for ring in [KeyRing::new([set.root.root()]), set.ring.clone()] {
            for end in 0..bytes.len() {
                // A block that ends the token can be cut off whole, which is attack 7.
                if ring.chain(&bytes[..end]).is_ok() {
                    assert!(
                        set.chains
                            .iter()
                            .any(|chain| chain.to_bytes() == bytes[..end])
                    );
                }
            }
            for index in 0..bytes.len() {
                for bit in 0..8 {
                    let mut flipped = bytes.clone();
                    flipped[index] ^= 1 << bit;
                    refused(&ring, &flipped);
                }
            }
            for tail in [&[0][..], &[0x0a], &[0x20, 0], &[0x22, 0], &[0xff; 9], b"}"] {
                refused(&ring, &[&bytes, tail].concat());
                refused(&ring, &[tail, &bytes].concat());
            }
            ring.chain(&bytes).unwrap();
        }
    }

    #[test]
    fn attack_11_another_spelling_of_the_same_token_is_malformed() {
        let set = set();
        let bytes = set.chains[2].to_bytes();
        let raw = forge::parts(&bytes);
        // The key id twice, a field of the future, the fields in another order.
        let field = |tag: u8, body: &[u8]| {
            let mut field = vec![tag << 3 | 2];
            prost::encoding::encode_varint(body.len() as u64, &mut field);
            field.extend(body);
            field
        };
        let authority = field(2, &raw.authority.encode_to_vec());
        let hops: Vec<u8> = raw
            .blocks
            .iter()
            .flat_map(|block| field(3, &block.encode_to_vec()))
            .collect();
        let proof = field(4, &raw.proof.encode_to_vec());
        assert_eq!([&authority[..], &hops, &proof].concat(), bytes);
        let spellings = [
            ("proof first", [&proof[..], &authority, &hops].concat()),
            ("hops first", [&hops[..], &authority, &proof].concat()),
            (
                "authority twice",
                [&authority[..], &authority, &hops, &proof].concat(),
            ),
            ("no proof", [&authority[..], &hops].concat()),
            ("unknown field", [&bytes[..], &[0x28, 1]].concat()),
            ("key id late", [&bytes[..], &[0x08, 1]].concat()),
            ("long varint", {
                let mut long = authority.clone();
                // The length, written in one byte more than it needs.
                let end = 1 + long[1..].iter().position(|byte| byte & 0x80 == 0).unwrap();
                long[end] |= 0x80;
                long.insert(end + 1, 0);
                [&long[..], &hops, &proof].concat()
            }),
        ];
        for (what, spelling) in spellings {
            assert_eq!(kind(set.ring.chain(&spelling)), Kind::Malformed, "{what}");
        }
        // Inside a block, where the signature covers it: the holder signs what is not canonical.
        let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
        let fine = start.clone().append(&format!("agent(\"reader\"); {CHECK}"));
        let block = fine.blocks.last().unwrap().block.clone();
        set.ring.chain(&fine.token()).unwrap();
        for tail in [
            &[0x48, 1][..],
            &[0x18, 3],
            &[0x12, 0],
            &[0x2a, 0],
            &[0x32, 0],
            &[0x3a, 0],
            &[0x42, 0],
            &[0x0a, 1, b'x'],
            &[0xff],
        ] {
            let forged = start.clone().raw([&block, tail].concat());
            assert_eq!(
                kind(set.ring.chain(&forged.token())),
                Kind::Malformed,
                "{tail:?}"
            );
        }
    }

    #[test]
    fn attack_11_nothing_large_is_read() {
        let set = set();
        for size in [16 * 1024 + 1, 10 * 1024 * 1024] {
            for byte in [0, 0x1a, 0x22, 0x0a, 0xff] {
                let bytes = vec![byte; size];
                assert_eq!(kind(set.ring.chain(&bytes)), Kind::Malformed);
                assert_eq!(kind(set.ring.wire_call(&bytes)), Kind::Malformed);
            }
        }
        for size in 0..70 {
            for byte in [0, 0x08, 0x0a, 0x12, 0x1a, 0x22, 0x80, 0xff] {
                refused(&set.ring, &vec![byte; size]);
            }
        }
    }

    #[test]
    fn attack_11_deep_nesting_is_an_error() {
        let set = set();
        let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
        for depth in [10, 40, 90, 200, 2000] {
            // A term whose set holds a term whose set …: field 7 of a term, field 1 of a set.
            let mut term = vec![0x18, 0];
            for _ in 0..depth {
                term = wrap(0x0a, &term);
                term = wrap(0x3a, &term);
            }
            let predicate = [&[0x08, 5][..], &wrap(0x12, &term)].concat();
            let block = [&[0x18, 3][..], &wrap(0x22, &wrap(0x0a, &predicate))].concat();
            assert_eq!(
                kind(set.ring.chain(&start.clone().raw(block).token())),
                Kind::Malformed,
                "{depth}"
            );
            // Arrays and closures in the same way.
            for (outer, inner) in [(0x4a, 0x0a), (0x52, 0x0a)] {
                let mut term = vec![0x18, 0];
                for _ in 0..depth {
                    term = wrap(outer, &wrap(inner, &term));
                }
                let block = wrap(
                    0x22,
                    &wrap(0x0a, &[&[0x08, 5][..], &wrap(0x12, &term)].concat()),
                );
                assert_eq!(
                    kind(set.ring.chain(&start.clone().raw(block).token())),
                    Kind::Malformed,
                    "{depth}"
                );
            }
        }
    }

    fn wrap(tag: u8, body: &[u8]) -> Vec<u8> {
        let mut field = vec![tag];
        prost::encoding::encode_varint(body.len() as u64, &mut field);
        field.extend(body);
        field
    }
}

mod spelling {
    //! Attack 11: a block has one spelling, down to the order in which it lists strings and keys.

    use bailiwick::capability::{
        AgentKey, Authority, Budget, Grant, KeyRing, Kind, Mandate, Scope, hours, matches, minutes,
        one_of, path_under,
    };
    use bailiwick::id::Timestamp;
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::Biscuit;
    use biscuit_auth::format::schema::term::Content;
    use biscuit_auth::format::schema::{self, Predicate, Term, op, scope};

    /// The first index that is not a default string of Biscuit's.
    const OFFSET: u64 = 1024;

    fn term(term: &mut Term, new: &impl Fn(u64) -> u64) {
        match &mut term.content {
            Some(Content::String(index)) => *index = new(*index),
            Some(Content::Variable(index)) => {
                *index = u32::try_from(new(u64::from(*index))).unwrap()
            }
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
}
