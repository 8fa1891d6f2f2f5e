//! Attack 27: audit entries removed, edited, cut off; the sink down.

mod regressions {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bailiwick::capability::{Grant, Scope, any};
    use bailiwick::guard::{Attempt, Recorder};
    use bailiwick::record::Body;
    use bailiwick::store::Batch;
    use bailiwick::tool::Toolbox;
    use bailiwick_integration_tests::support;
    use bailiwick_integration_tests::support::Home;
    use bailiwick_integration_tests::value;
    use serde_json::json;

    use crate::common::regressions::tool;

    #[tokio::test]
    async fn attack_27_a_gate_whose_guard_records_nothing_runs_nothing() {
        let home = Home::new();
        let ran = Arc::new(AtomicUsize::new(0));
        let count = ran.clone();
        let body = tool("fs.read", move || {
            count.fetch_add(1, Ordering::SeqCst);
            async { Ok(json!(1)) }
        });
        // A gate over a guard without a recorder does not compile, and the one that a gate is made with is the
        // one that its guard writes with.
        let guard = home.guard().recorder(Arc::new(Mute));
        let gate = home.gate_of(guard, Toolbox::builder().tool(body).build().unwrap());
        let held = home.held(&Scope::new().grant(Grant::new("fs.read").arg("path", any())));
        value!(support::call(&gate, &held, "fs.read", r#"{"path":"/a"}"#).await);
        let attempts = home
            .entries()
            .await
            .iter()
            .filter(|entry| matches!(entry.body, Body::Attempt { .. }))
            .count();
        assert!(
            ran.load(Ordering::SeqCst) == 0 || attempts == 1,
            "the body ran and no attempt is on the record"
        );
        assert_eq!((ran.load(Ordering::SeqCst), attempts), (1, 1));
    }

    /// A recorder that writes nothing.
    struct Mute;

    impl Recorder for Mute {
        fn attempt(&self, _: &Attempt<'_>) -> Batch {
            Batch::new()
        }
    }
}

mod sqlite {
    //! A gate over a store of SQLite: what is kept can be read and proved, and where it cannot be
    //! written nothing runs.

    use std::path::PathBuf;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use bailiwick::capability::{Budget, Grant, Held, Kind, Risk, Scope, any};
    use bailiwick::guard::{Effect, Revocable};
    use bailiwick::record::{AuditEntry, Checkpoint, Fault, verify, verify_links};
    use bailiwick::store::{Batch, Head, Key, LogName, SqliteBuilder, SqliteStore, Store};
    use bailiwick::tool::{Declaration, Gate, Outcome, RuntimeTool, ToolError, Toolbox};
    use bailiwick_integration_tests::support::{Home, call, situation, start};
    use bailiwick_integration_tests::{denied, value};
    use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
    use rusqlite::Connection;
    use serde_json::{Value, json};

    struct World {
        home: Home,
        directory: tempfile::TempDir,
        store: Arc<SqliteStore>,
        gate: Gate,
        ran: Arc<AtomicUsize>,
    }

    impl World {
        fn new(settings: impl Fn(SqliteBuilder) -> SqliteBuilder) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let opened = SqliteStore::builder(directory.path().join("store"));
            let store = Arc::new(settings(opened).open().unwrap());
            let (home, ran) = (Home::new(), Arc::<AtomicUsize>::default());
            let count = ran.clone();
            let declared = Declaration::new("fs.read", Effect::Read, Risk::Low);
            let tool = RuntimeTool::new(declared, json!({}), move |args, _| {
                count.fetch_add(1, Ordering::SeqCst);
                let fails = args["path"] == "/fails";
                async move {
                    match fails {
                        true => Err(ToolError::new("there is\nno such file")),
                        false => Ok(Value::Null),
                    }
                }
            });
            let toolbox = Toolbox::builder().tool(tool).build().unwrap();
            let guard = home.guard().store(store.clone());
            let gate = home.gate_of(guard, toolbox);
            Self {
                home,
                directory,
                store,
                gate,
                ran,
            }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("store")
        }

        /// The file as any other tool reads it.
        fn raw(&self) -> Connection {
            Connection::open(self.path()).unwrap()
        }

        fn held(&self, calls: u64) -> Held {
            let scope = Scope::new().grant(Grant::new("fs.read").arg("path", any()));
            self.home
                .held(&scope.budget(Budget::new("calls", calls).shared("all")))
        }

        async fn read(&self, held: &Held, path: &str) -> Outcome {
            call(
                &self.gate,
                held,
                "fs.read",
                &json!({ "path": path }).to_string(),
            )
            .await
        }

        fn ran(&self) -> usize {
            self.ran.load(Ordering::SeqCst)
        }
    }

    /// A call is refused as unavailable in these words, and its body does not run.
    async fn stops(world: &World, held: &Held, words: &str) {
        let ran = world.ran();
        for _ in 0..2 {
            let denial = denied!(world.read(held, "/a").await, Kind::Unavailable);
            assert!(denial.detail().contains(words), "{denial}");
            assert!(
                denial.detail().contains(world.path().to_str().unwrap()),
                "{denial}"
            );
            assert!(!denial.for_model().contains("store"), "{denial}");
        }
        assert_eq!(world.ran(), ran);
    }

    #[tokio::test]
    async fn attack_27_a_file_that_is_locked_or_moved_stops_calls_until_it_is_back() {
        let world = World::new(|store| store.wait(Duration::from_millis(20)));
        let held = world.held(3);
        value!(world.read(&held, "/a").await);
        let other = world.raw();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        stops(&world, &held, "is locked by another process").await;
        other.execute_batch("ROLLBACK").unwrap();
        value!(world.read(&held, "/b").await);

        let away = world.directory.path().join("away");
        std::fs::rename(world.path(), &away).unwrap();
        stops(&world, &held, "was moved").await;
        std::fs::rename(&away, world.path()).unwrap();
        value!(world.read(&held, "/c").await);
        // What did not run was not charged, and what ran was.
        denied!(world.read(&held, "/d").await, Kind::Budget);
    }

    #[tokio::test]
    async fn attack_27_a_full_file_stops_calls_until_there_is_room() {
        let world = World::new(|store| store.max_bytes(300_000));
        let held = world.held(100_000);
        let large = format!("\"{}\"", "x".repeat(10_000));
        let put =
            |number: usize| Batch::new().put(Key::of(["large", &number.to_string()]), &*large);
        let mut kept = 0;
        while world.store.commit(put(kept)).await.is_ok() {
            kept += 1;
            assert!(kept < 1000);
        }
        let mut calls = 0;
        while let Outcome::Value { .. } = world.read(&held, "/a").await {
            calls += 1;
            assert!(calls < 1000);
        }
        stops(&world, &held, "is full").await;
        let less = (0..kept).fold(Batch::new(), |batch, n| {
            batch.delete(Key::of(["large", &n.to_string()]))
        });
        world.store.commit(less).await.unwrap();
        value!(world.read(&held, "/a").await);
    }

    #[tokio::test]
    async fn attack_27_a_damaged_file_stops_calls() {
        let world = World::new(|store| store);
        let held = world.held(10);
        value!(world.read(&held, "/a").await);
        let clock = "UPDATE counter SET value = -5 WHERE key = 'clock/highest'";
        world.raw().execute_batch(clock).unwrap();
        stops(&world, &held, "did not write").await;
        world.raw().execute_batch("DROP TABLE entry").unwrap();
        stops(&world, &held, "cannot be used").await;
    }

    /// Three calls that ran, one of which failed, and one that was refused.
    async fn some_calls(world: &World) -> Held {
        let held = world.held(4);
        value!(world.read(&held, "/a").await);
        assert!(matches!(
            world.read(&held, "/fails").await,
            Outcome::Failed { .. }
        ));
        value!(world.read(&held, "/c").await);
        denied!(
            call(&world.gate, &held, "fs.read", r#"{"other":1}"#).await,
            Kind::Argument
        );
        held
    }

    #[tokio::test]
    async fn anyone_can_read_what_is_kept() {
        let world = World::new(|store| store);
        let held = some_calls(&world).await;
        world
            .gate
            .guard()
            .revoke([Revocable::Principal("a/b%".to_owned())])
            .await
            .unwrap();
        let raw = world.raw();
        let column = |sql: &str| -> Vec<String> {
            let mut rows = raw.prepare(sql).unwrap();
            let read = |row: &rusqlite::Row<'_>| {
                row.get::<_, rusqlite::types::Value>(0)
                    .map(|value| match value {
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Integer(number) => number.to_string(),
                        other => format!("{other:?}"),
                    })
            };
            rows.query_map([], read)
                .unwrap()
                .map(Result::unwrap)
                .collect()
        };
        assert_eq!(
            column("SELECT kind FROM audit ORDER BY seq"),
            [
                "attempt", "outcome", "attempt", "outcome", "attempt", "outcome", "attempt"
            ]
        );
        assert_eq!(
            column("SELECT verdict FROM audit WHERE refusal = 'argument'"),
            ["denied"]
        );
        assert_eq!(
            column("SELECT error FROM audit WHERE error IS NOT NULL"),
            ["there is\nno such file"]
        );
        assert_eq!(
            column("SELECT arguments ->> '$.path' FROM audit WHERE verdict = 'allowed'"),
            ["/a", "/fails", "/c"]
        );
        assert_eq!(
            column("SELECT DISTINCT agent FROM audit WHERE kind = 'attempt'"),
            [situation().agent]
        );
        assert_eq!(
            column("SELECT DISTINCT capability || ' ' || time FROM audit WHERE kind = 'attempt'"),
            [format!("fs.read {}", start())]
        );
        let ended = "SELECT count(*) FROM audit a JOIN audit o USING (call) WHERE a.kind = 'attempt' AND o.kind = 'outcome'";
        assert_eq!(column(ended), ["3"]);
        assert_eq!(
            column("SELECT log || ' ' || entries FROM logs"),
            ["audit 7"]
        );
        let head = world.store.head(world.home.audit.log()).await.unwrap();
        assert_eq!(column("SELECT link FROM logs"), [head.link.to_string()]);
        let id = format!("{}/all", world.home.authority.public());
        assert_eq!(
            column("SELECT kind || ' ' || used FROM budgets"),
            ["calls 3"]
        );
        assert_eq!(column("SELECT id FROM budgets"), [id]);
        assert_eq!(
            column("SELECT count(DISTINCT nonce) FROM spent_calls"),
            ["3"]
        );
        let token = column("SELECT DISTINCT token FROM audit WHERE token IS NOT NULL");
        assert_eq!(column("SELECT DISTINCT token FROM spent_calls"), token);
        assert_eq!(token.len(), 1);
        assert_eq!(
            column("SELECT kind || ' ' || what FROM revocations"),
            ["principal a/b%"]
        );
        assert_eq!(
            column("SELECT since FROM revocations"),
            [start().to_string()]
        );
        assert_eq!(
            column("SELECT highest FROM clock"),
            ["2027-01-15T08:00:00.000Z"]
        );
        assert_eq!(held.chain().budgets().count(), 1);
    }

    #[tokio::test]
    async fn attack_27_the_audit_of_the_file_is_proved_and_what_was_changed_in_it_shows() {
        let world = World::new(|store| store);
        some_calls(&world).await;
        let log = world.home.audit.log();
        let key = SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let head = world.store.head(log).await.unwrap();
        let pinned = Checkpoint::sign(log.clone(), head, start(), public, |bytes| {
            key.sign(bytes).to_bytes()
        });
        let held = world.held(9);
        value!(world.read(&held, "/later").await);

        let proved = async |log: &LogName| {
            // As an export reads it: in pages, and from a store that was opened for it.
            let store = SqliteStore::builder(world.path())
                .must_exist()
                .open()
                .unwrap();
            let mut entries = Vec::new();
            loop {
                let after = entries
                    .last()
                    .map_or(0, |entry: &bailiwick::store::Entry| entry.seq);
                let page = store.log(log, after, 2).await.unwrap();
                if page.is_empty() {
                    break;
                }
                entries.extend(page);
            }
            verify(
                log,
                &entries,
                std::slice::from_ref(&pinned),
                &[public],
                |key, bytes, signature| {
                    let key = VerifyingKey::from_bytes(key).unwrap();
                    key.verify_strict(bytes, &Signature::from_bytes(signature))
                        .is_ok()
                },
            )
            .map(|verified| {
                let parsed = entries
                    .iter()
                    .map(|entry| AuditEntry::parse(&entry.body).unwrap());
                (parsed.count(), verified.covered(), verified.uncovered())
            })
            .map_err(|broken| (broken.seq(), broken.what()))
        };
        assert_eq!(proved(log).await, Ok((9, 7, 2)));

        let raw = world.raw();
        raw.execute_batch("CREATE TABLE kept AS SELECT * FROM entry")
            .unwrap();
        for (edit, expected) in [
            (
                "UPDATE entry SET body = replace(body, '/a', '/b') WHERE seq = 1",
                (1, Fault::Altered),
            ),
            ("DELETE FROM entry WHERE seq = 3", (3, Fault::Missing)),
            ("DELETE FROM entry WHERE seq > 5", (6, Fault::Truncated)),
            (
                "UPDATE entry SET seq = 100 WHERE seq = 2; UPDATE entry SET seq = 2 WHERE seq = 3; UPDATE entry SET seq = 3 WHERE seq = 100",
                (2, Fault::Altered),
            ),
        ] {
            raw.execute_batch(edit).unwrap();
            assert_eq!(proved(log).await, Err(expected), "{edit}");
            raw.execute_batch("DELETE FROM entry; INSERT INTO entry SELECT * FROM kept")
                .unwrap();
            assert!(proved(log).await.is_ok());
        }

        // The tail after the last checkpoint can be written anew by a process that can write the file, and the
        // guard goes on from there: what shows it is the next checkpoint.
        raw.execute_batch("DELETE FROM entry WHERE seq > 7")
            .unwrap();
        value!(world.read(&held, "/after").await);
        assert_eq!(proved(log).await, Ok((9, 7, 2)));
        let entries = world.store.log(log, 0, usize::MAX).await.unwrap();
        verify_links(log, Head::empty(log), &entries).unwrap();
    }
}
