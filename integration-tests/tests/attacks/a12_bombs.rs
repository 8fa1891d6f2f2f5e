//! Attack 12: join bombs, regex bombs, thousands of facts.

mod chain {
    use bailiwick::capability::{
        AgentKey, Authority, Grant, KeyRing, Kind, Mandate, Scope, matches,
    };
    use bailiwick_integration_tests::forge::{self, Forge};
    use biscuit_auth::format::schema;

    use crate::common::chain::{CHECK, agent, kind, now, reader, set};

    #[test]
    fn attack_12_bombs_are_refused_before_any_engine() {
        let set = set();
        let start = Forge::after(&set.chains[2].to_bytes(), &agent(&set.keys[2]));
        let many = |count: usize, text: &dyn Fn(usize) -> String| {
            (0..count).map(text).collect::<Vec<_>>().join("")
        };
        let vars = |count: usize| {
            (0..count)
                .map(|index| format!("tool($x{index})"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let grant = "tool(\"t\"), arg_names($n), {\"x\"}.contains($n), $n.union($n) === $n";
        let bombs = [
            (
                "join by rule",
                format!(
                    "{}tool($x0) <- {}",
                    many(20, &|n| format!("tool(\"{n}\");")),
                    vars(12)
                ),
            ),
            ("join by check", format!("check if {}", vars(12))),
            (
                "join of its own facts",
                format!(
                    "{}check if {}",
                    many(40, &|n| format!("f({n});")),
                    "f($a), f($b), f($c), f($d), f($e)"
                ),
            ),
            (
                "closure over a regex",
                "check if arg_set(\"a\", $s), $s.all($x -> $x.matches(\"(a*)*b\"))".to_owned(),
            ),
            ("thousands of facts", many(1100, &|n| format!("f({n});"))),
            ("hundreds of checks", many(300, &|_| CHECK.to_owned())),
            (
                "hundreds of grants",
                format!(
                    "check if {}",
                    (0..150).map(|_| grant).collect::<Vec<_>>().join(" or ")
                ),
            ),
            ("a quorum of forty keys", many(40, &|n| quorum(&[n]))),
            ("a quorum of six", many(6, &|n| quorum(&[n]))),
            (
                "one check of forty keys",
                quorum(&(0..40).collect::<Vec<_>>()),
            ),
        ];
        for (what, text) in bombs {
            let forged = start
                .clone()
                .merged(&format!("agent(\"reader\"); {CHECK}"), &text, false)
                .token();
            assert!(
                forged.len() <= 16 * 1024,
                "{what} is too large to be read: {}",
                forged.len()
            );
            assert_eq!(
                kind(set.ring.chain(&forged)),
                Kind::Malformed,
                "{what}, {} bytes",
                forged.len()
            );
        }
    }

    #[test]
    fn attack_12_grants_are_counted() {
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let key = AgentKey::generate();
        let chain = root
            .mint(&reader("/"), &Mandate::default(), key.public(), now())
            .unwrap();
        let held = chain.clone().held_by(agent(&forge::secret(&key))).unwrap();
        let child = held
            .delegate(
                "reader",
                &reader("/a"),
                AgentKey::generate().public(),
                now(),
            )
            .unwrap();
        let block = forge::block(&forge::parts(&child.to_bytes()).blocks[0]);
        for (count, fine) in [(2, true), (64, true), (65, false), (100, false)] {
            let forged = Forge::after(&chain.to_bytes(), &key).edited(&block, |block| {
                let grant = block.checks[0].queries[0].clone();
                block.checks[0].queries = vec![grant; count];
            });
            let read = ring.chain(&forged.token());
            assert!(read.is_ok() || kind(read.clone()) == Kind::Malformed);
            let more = read
                .err()
                .is_some_and(|refusal| refusal.detail().contains("more than 64 grants"));
            assert_eq!(more, !fine, "{count}");
        }
    }

    /// A check of a quorum over keys made from these numbers.
    fn quorum(keys: &[usize]) -> String {
        let trusting = keys.iter().map(|key| {
            let key = agent(&forge::key(u8::try_from(key + 10).unwrap())).public();
            format!(" or call($h), approval($h, $e, $i), time($t), $t < $e trusting {key}")
        });
        format!(
            "check if tool($x), !{{\"pay\"}}.contains($x){};",
            trusting.collect::<String>()
        )
    }

    #[test]
    fn attack_12_blocks_and_patterns_are_counted() {
        let root = forge::key(200);
        let ring = KeyRing::new([agent(&root).public()]);
        let first = AgentKey::generate();
        let chain = forge::authority(&root)
            .mint(&reader("/"), &Mandate::default(), first.public(), now())
            .unwrap();
        let mut forge = Forge::after(&chain.to_bytes(), &first);
        ring.chain(&forge.token()).unwrap();
        // A hop of few bytes, again and again: it names the same strings, so it is the same bytes.
        let hop = format!("agent(\"a\"); {CHECK}");
        for blocks in 2..=34 {
            forge = if blocks == 2 || blocks == 3 {
                forge.append(&hop)
            } else {
                let block = forge.blocks.last().unwrap().block.clone();
                forge.raw(block)
            };
            let read = ring.chain(&forge.token());
            assert_eq!(read.is_ok(), blocks <= 32, "{blocks}: {read:?}");
            if blocks > 32 {
                assert_eq!(kind(read), Kind::Malformed);
            }
        }
        let empty = vec![forge.blocks[0].clone(); 150];
        assert_eq!(
            kind(ring.chain(&forge::bytes(&forge::token(&empty)))),
            Kind::Malformed
        );
        let none = vec![schema::SignedBlock::default(); 900];
        assert_eq!(
            kind(ring.chain(&forge::bytes(&forge::token(&none)))),
            Kind::Malformed
        );

        // Sixteen patterns in one token, however they are spread over its blocks.
        let root = Authority::generate();
        let ring = KeyRing::new([root.root()]);
        let patterns = |from: u32, count: u32| {
            matches(
                (from..from + count)
                    .map(|n| format!("a{n}"))
                    .collect::<Vec<_>>(),
            )
        };
        let scope = |count: u32| {
            Scope::new()
                .grant(Grant::new("x").arg("a", patterns(0, count)))
                .grant(Grant::spawn(["a"]))
        };
        let key = AgentKey::generate();
        let mint = |count: u32| root.mint(&scope(count), &Mandate::default(), key.public(), now());
        mint(16).unwrap();
        assert!(mint(17).is_err());
        let token = mint(9).unwrap().to_bytes();
        let child = |patterns: &[&str]| {
            let tests: String = patterns
                .iter()
                .map(|text| format!(", $v0.matches(\"\\\\A(?:{text})\\\\z\")"))
                .collect();
            let text = format!(
            "agent(\"a\"); check if tool(\"x\"), arg_names($n), {{\"a\"}}.contains($n), $n.union($n) === $n,
             arg_str(\"a\", $v0){tests}; {CHECK} check if depth($x), $x <= 1"
        );
            let block = forge::block(
                Forge::after(&token, &key)
                    .append(&text)
                    .blocks
                    .last()
                    .unwrap(),
            );
            let forged = Forge::after(&token, &key).edited(&block, |block| {
                // Text has no strict `or`, so the comparisons are joined here.
                let expressions = &mut block.checks[0].queries[0].expressions;
                for expression in expressions.split_off(3) {
                    let or = schema::OpBinary {
                        kind: schema::op_binary::Kind::Or as i32,
                        ffi_name: None,
                    };
                    let or = schema::Op {
                        content: Some(schema::op::Content::Binary(or)),
                    };
                    expressions[2]
                        .ops
                        .extend(expression.ops.into_iter().chain([or]));
                }
            });
            ring.chain(&forged.token())
        };
        let seven = ["b0", "b1", "b2", "b3", "b4", "b5", "b6"];
        child(&seven).unwrap();
        assert_eq!(
            kind(child(&[&seven[..], &["b7"]].concat())),
            Kind::Malformed
        );
        for bad in [
            "a)|(?:.*",
            "(",
            "(a{1000}){1000}",
            "\\\\p{L}{500}",
            &"a".repeat(257),
        ] {
            assert_eq!(kind(child(&[bad])), Kind::Malformed, "{bad}");
        }
    }
}

mod regressions {
    use bailiwick::capability::{Grant, Scope, any, matches, one_of, work};

    use bailiwick_integration_tests::support;
    use bailiwick_integration_tests::support::{Home, start};

    #[test]
    fn attack_12_what_a_model_asks_for_a_helper_costs_little() {
        let home = Home::new();
        let held = home.held(
            &Scope::new()
                .grant(Grant::new("fs.read").arg("path", matches("[a-z]{1,20}[0-9]{1,20}/?")))
                .grant(Grant::spawn(["reader"])),
        );
        let names: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let scope = Scope::new().grant(Grant::new("fs.read").arg("path", one_of(names)));
        let before = work();
        held.delegate("reader", &scope, support::public(), start())
            .unwrap();
        let done = work() - before;
        // Not once for each value.
        assert!(done.patterns <= 1, "{done:?}");
        assert!(done.comparisons <= 2 * 1000, "{done:?}");
    }

    #[test]
    fn attack_12_too_many_patterns_are_refused_before_they_are_compiled() {
        let home = Home::new();
        let held = home.held(
            &Scope::new()
                .grant(Grant::new("fs.read").arg("path", any()))
                .grant(Grant::spawn(["reader"])),
        );
        // The first does not compile, so an error about their number says that they were counted first.
        let many: Vec<String> = (0..2000).map(|n| format!("({n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let scope = Scope::new().grant(Grant::new("fs.read").arg("path", matches(many)));
        let error = held
            .delegate("reader", &scope, support::public(), start())
            .unwrap_err();
        assert!(error.to_string().contains("at most 16 patterns"), "{error}");
    }
}

mod work {
    use std::sync::Arc;

    use bailiwick::capability::{
        AgentKey, Constraint, Facts, Held, KeyRing, Kind, MAX_MATCHED_BYTES, Mandate, MintError,
        Risk, Scope, Skip, any, matches,
    };
    use bailiwick::guard::{Context, Effect, Presented};
    use bailiwick_integration_tests::forge::{self, Forge};
    use bailiwick_integration_tests::support::{Home, public, secs, start};
    use prost::Message as _;

    use crate::common::work::{asked, counted, minted, spawning};

    /// Sixteen different patterns of sixteen positions each.
    fn sixteen() -> Constraint {
        let all: Vec<String> = (0..16_u8)
            .map(|n| format!("{}[ab]{{15}}", char::from(b'a' + n)))
            .collect();
        matches(all)
    }

    /// A chain of so many hops that all say the same.
    fn repeated(home: &Home, scope: &Scope, hops: usize) -> Held {
        (0..hops).fold(home.held(scope), |parent, _| {
            let key = AgentKey::generate();
            let chain = parent
                .danger_append("child", scope, key.public(), start())
                .unwrap();
            chain.held_by(key).unwrap()
        })
    }

    #[test]
    fn attack_12_patterns_that_every_hop_repeats_are_compiled_once() {
        let home = Home::new();
        let held = repeated(&home, &spawning(sixteen()), 16);
        let bytes = held.chain().to_bytes();
        let ring = KeyRing::new([home.authority.root()]);
        let (chain, done) = counted(|| ring.chain(&bytes).unwrap());
        assert_eq!((done.patterns, done.signatures), (16, 17));
        // And asked once, however many blocks ask them.
        let value = "b".repeat(MAX_MATCHED_BYTES);
        let (verdict, done) =
            counted(|| chain.explain(&asked(&value), &Facts::at(start()), Skip::default()));
        assert_eq!(verdict.unwrap_err().kind(), Kind::Argument);
        assert!(done.steps <= 256 * value.len() as u64, "{done:?}");
        assert_eq!(done.patterns, 0);
    }

    #[test]
    fn attack_12_a_pattern_that_is_dear_is_refused_before_anything_is_compiled() {
        let home = Home::new();
        let dear = [
            format!("(?i)[{}&&a]", [r"\D"; 60].join("&&")),
            "(?-u)[ab]*a[ab]{904}c".to_owned(),
            "(?:[a-z]{1,20}[0-9]{1,20}/?){1,12}".to_owned(),
            r"\p{Greek}{200}".to_owned(),
            "(a+)+".to_owned(),
            "a{257}".to_owned(),
            "a)|(?:.*".to_owned(),
        ];
        for pattern in dear {
            let scope = spawning(matches(pattern.as_str()));
            let mint = counted(|| {
                home.authority
                    .mint(&scope, &Mandate::default(), public(), start())
            });
            assert!(matches!(mint.0, Err(MintError::Scope(_))), "{pattern}");
            assert_eq!(mint.1.patterns, 0, "{pattern}");
            let (parent, key) = minted(&home, &spawning(any()));
            let child = counted(|| parent.delegate("child", &scope, public(), start()));
            assert!(child.0.is_err() && child.1.patterns == 0, "{pattern}");
            // As foreign software writes it, in a hop and in the first block.
            let plain = spawning(matches("aaaa"));
            let hop = parent
                .danger_append("child", &plain, public(), start())
                .unwrap();
            let parts = forge::parts(&hop.to_bytes());
            let block = forge::block(forge::blocks(&parts).last().unwrap());
            let forged = Forge::after(&parent.chain().to_bytes(), &key).edited(&block, |block| {
                for text in &mut block.symbols {
                    if text.contains("aaaa") {
                        *text = format!(r"\A(?:{pattern})\z");
                    }
                }
            });
            let ring = KeyRing::new([home.authority.root()]);
            let (read, done) = counted(|| ring.chain(&forged.token()));
            assert_eq!(read.unwrap_err().kind(), Kind::Malformed, "{pattern}");
            assert_eq!((done.patterns, done.signatures), (0, 2), "{pattern}");
            let first = in_the_first_block(&pattern);
            let (read, done) = counted(|| ring.chain(&first));
            assert_eq!(read.unwrap_err().kind(), Kind::UntrustedRoot, "{pattern}");
            assert_eq!((done.patterns, done.signatures), (0, 1), "{pattern}");
            let known = KeyRing::new([forge::authority(&forge::key(201)).root()]);
            let (read, done) = counted(|| known.chain(&first));
            assert_eq!(read.unwrap_err().kind(), Kind::Malformed, "{pattern}");
            assert_eq!((done.patterns, done.signatures), (0, 1), "{pattern}");
        }
    }

    /// A token whose root wrote the pattern itself.
    fn in_the_first_block(pattern: &str) -> Vec<u8> {
        let root = forge::key(201);
        let (plain, holder) = (spawning(matches("aaaa")), forge::key(1));
        let to = forge::agent(&holder).public();
        let minted = forge::authority(&root).mint(&plain, &Mandate::default(), to, start());
        let mut block = forge::block(&forge::blocks(&forge::parts(&minted.unwrap().to_bytes()))[0]);
        for text in &mut block.symbols {
            if text.contains("aaaa") {
                *text = format!(r"\A(?:{pattern})\z");
            }
        }
        let signed = forge::sign(&[], block.encode_to_vec(), &root, &holder);
        forge::bytes(&forge::token(&[signed]))
    }

    #[test]
    fn attack_12_patterns_of_a_token_that_is_over_are_counted_like_any_others() {
        let home = Home::new();
        let scope = spawning(sixteen()).expires_in(secs(60));
        let parent = repeated(&home, &scope, 11);
        let key = Arc::new(AgentKey::generate());
        let last = parent
            .danger_append("child", &scope, key.public(), start())
            .unwrap();
        let guard = home.guard().build();
        let mut late = Context::new("lead", Effect::Read, Risk::Low, start());
        late.facts.time = start().saturating_add(secs(120));
        for _ in 0..3 {
            let (denied, done) = counted(|| {
                let chain = guard.ring().chain(&last.to_bytes()).unwrap();
                let read = chain.held_by(key.clone()).unwrap();
                guard.check(Presented::from(&read), &asked("abababababababab"), &late)
            });
            assert_eq!(denied.unwrap_err().kind(), Kind::Expired);
            // Nothing is kept of it, and each time costs the same.
            assert_eq!((done.patterns, done.signatures), (16, 13), "{done:?}");
        }
    }
}
