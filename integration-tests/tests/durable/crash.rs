//! A tree of three levels in a process that is killed at every step it takes, and resumed by another.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(unix)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Child;

use bailiwick::agent::ResumeError;
use bailiwick::record::{AuditEntry, AuditVerdict, Body, verify_links};
use bailiwick::store::{Head, Key, LogName, SqliteStore, Store};
use bailiwick_integration_tests::child;
use bailiwick_integration_tests::random::Rng;
use bailiwick_integration_tests::support::crash;
use bailiwick_integration_tests::support::crash::{At, Keys, Tree};
use tokio::runtime::Runtime;

/// What a run that nothing interrupts says, does and takes.
const ANSWER: &str = "lead: middle: leaf: all is done";

#[test]
#[ignore = "a child of the tests below"]
fn works_until_it_is_killed() {
    let Some(tree) = Tree::given() else { return };
    Runtime::new().unwrap().block_on(tree.work());
}

/// A child of this test in a directory, which stops for good at a step; whether it got there.
fn until(directory: &Path, at: At, process: usize) -> (bool, Vec<String>) {
    until_with(Keys::Kept, directory, at, process)
}

fn until_with(keys: Keys, directory: &Path, at: At, process: usize) -> (bool, Vec<String>) {
    let mut child = crash::child(
        "crash::works_until_it_is_killed",
        directory,
        at,
        process,
        keys,
    );
    let mut said = Vec::new();
    for line in child::said(&mut child) {
        if line == "here" {
            kill(&mut child);
            return (true, said);
        }
        said.push(line);
    }
    assert!(
        child.wait().unwrap().success(),
        "the child failed: {said:?}"
    );
    (false, said)
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What is left of a run: the counters of its budgets, and what its audit says.
#[derive(Debug)]
struct Left {
    budgets: BTreeMap<String, u64>,
    /// Answers of the model that were kept.
    answered: usize,
    /// Calls that were allowed, by capability.
    allowed: BTreeMap<String, usize>,
    /// How many of them ended again in the record.
    twice: usize,
    /// How many are said to be of unknown outcome.
    unknown: usize,
    agents: BTreeSet<String>,
    revoked: usize,
}

fn left(directory: &Path) -> Left {
    Runtime::new().unwrap().block_on(async {
        let store = SqliteStore::open(directory.join("store")).unwrap();
        let audit = LogName::of(["audit"]);
        let entries = store.log(&audit, 0, usize::MAX).await.unwrap();
        verify_links(&audit, Head::empty(&audit), &entries).unwrap();
        let (mut allowed, mut ended) = (BTreeMap::new(), BTreeMap::new());
        let (mut agents, mut twice, mut unknown) = (BTreeSet::new(), 0, 0);
        for entry in &entries {
            match AuditEntry::parse(&entry.body).unwrap().body {
                Body::Attempt {
                    capability,
                    verdict: AuditVerdict::Allowed,
                    ..
                } => *allowed.entry(capability).or_default() += 1,
                Body::Attempt { detail, .. } => panic!("refused: {detail:?}"),
                // One whose end was not known may have ended all the same.
                Body::Outcome { call, error } => {
                    let may_have = |error: &String| error.contains("may have had its effect");
                    unknown += usize::from(error.as_ref().is_some_and(may_have));
                    let known = !error.is_some_and(|error| error.contains("not known"));
                    twice += usize::from(ended.insert(call.to_string(), known) == Some(true));
                }
                Body::Hop { agent, .. } => drop(agents.insert(agent)),
                Body::Denials { .. } => panic!("refused"),
                Body::Ended { .. } => {}
            }
        }
        let budgets = budgets(directory);
        let values = store
            .scan(&Key::of(["run"]), None, usize::MAX)
            .await
            .unwrap();
        let is_answer = |(key, value): &&(Key, _)| -> bool {
            let value: &bailiwick::store::Versioned = value;
            key.parts()[2] == "messages" && value.value.contains(r#""role":"assistant""#)
        };
        let revoked = store.scan(&Key::of(["revoked"]), None, usize::MAX).await;
        Left {
            budgets,
            revoked: revoked.unwrap().len(),
            answered: values.iter().filter(is_answer).count(),
            allowed,
            twice,
            unknown,
            agents,
        }
    })
}

/// What was used of all budgets, by kind.
fn budgets(directory: &Path) -> BTreeMap<String, u64> {
    let store = rusqlite::Connection::open(directory.join("store")).unwrap();
    let mut used = store
        .prepare("SELECT kind, sum(used) FROM budgets GROUP BY kind")
        .unwrap();
    let rows = used.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

/// Lines of a file that the tools or models of a tree wrote.
fn lines(directory: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(directory.join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// What must hold after a run came to its end, however often its process was killed.
fn whole(directory: &Path, said: &[String], calm: &Left, at: &str) {
    assert!(said.contains(&format!("answer {ANSWER}")), "{at}: {said:?}");
    let left = left(directory);
    assert_eq!(
        left.budgets, calm.budgets,
        "{at}: a budget was lost or spent twice"
    );
    assert_eq!(
        left.budgets.get("agents"),
        None,
        "{at}: an agent that has ended counts as alive"
    );
    assert_eq!(left.agents, calm.agents, "{at}: a child was made twice");
    assert!(
        left.revoked >= calm.revoked,
        "{at}: an agent is not revoked"
    );
    assert_eq!(left.twice, 0, "{at}: a call ended twice");
    let effects = lines(directory, "effects");
    let distinct: BTreeSet<_> = effects.iter().collect();
    assert_eq!(
        distinct.len(),
        effects.len(),
        "{at}: done twice: {effects:?}"
    );
    // Every call that was neither made nor recorded as made is unknown.
    assert!(
        effects.len() + left.unknown >= 2,
        "{at}: {effects:?} {left:?}"
    );
    assert_eq!(left.allowed["note.add"], calm.allowed["note.add"], "{at}");
}

/// What a run does that is not interrupted.
fn calm() -> Left {
    let directory = tempfile::tempdir().unwrap();
    let (stopped, said) = until(directory.path(), At::Never, 0);
    assert!(
        !stopped && said.contains(&format!("answer {ANSWER}")),
        "{said:?}"
    );
    let left = left(directory.path());
    assert_eq!(lines(directory.path(), "effects").len(), 2);
    assert_eq!((left.agents.len(), left.revoked), (3, 3));
    left
}

/// Kills a run at each of its steps in turn, and lets another process go on.
fn at_every_step(keys: Keys) {
    let calm = calm();
    let (mut steps, mut most) = (0, 0);
    loop {
        let directory = tempfile::tempdir().unwrap();
        let (stopped, _) = until_with(keys, directory.path(), At::Step(steps), 0);
        if !stopped {
            break;
        }
        let before = left_if_any(directory.path());
        if directory.path().join("store").exists() {
            let alive = budgets(directory.path()).get("agents").copied();
            most = most.max(alive.unwrap_or(0));
        }
        let (stopped, said) = until_with(keys, directory.path(), At::Never, 1);
        assert!(!stopped);
        whole(directory.path(), &said, &calm, &format!("step {steps}"));
        // No turn that was answered is asked for again.
        let asked = lines(directory.path(), "asked-1").len();
        assert_eq!(before + asked, calm.answered, "step {steps}: asked again");
        steps += 1;
    }
    println!("killed at each of {steps} steps");
    assert!(steps > 50, "only {steps} steps");
    // Two beneath the lead, and one of them beneath the middle one.
    assert_eq!(most, 3, "it was never killed while all were alive");
}

#[test]
fn attack_21_killed_at_every_step_a_run_of_three_levels_goes_on_and_does_nothing_twice() {
    at_every_step(Keys::Kept);
}

#[test]
fn a_run_whose_keys_are_gone_goes_on_with_new_ones_and_what_is_left_of_its_budgets() {
    at_every_step(Keys::New);
}

/// How many turns were answered in a run that may not even have begun.
fn left_if_any(directory: &Path) -> usize {
    match directory.join("store").exists() {
        true => left(directory).answered,
        false => 0,
    }
}

#[test]
fn a_run_is_resumed_however_often_its_process_is_killed() {
    let seed = std::env::var("BAILIWICK_SEED").map_or(20_261_122, |seed| seed.parse().unwrap());
    let runs = std::env::var("BAILIWICK_KILLS").map_or(6, |kills| kills.parse().unwrap());
    let (mut rng, calm) = (Rng::new(seed), calm());
    for run in 0..runs {
        let directory = tempfile::tempdir().unwrap();
        let mut all = Vec::new();
        let keys = [Keys::Kept, Keys::New][run % 2];
        for process in 0.. {
            assert!(process < 200, "it never ends");
            let step = At::Step(rng.below(25) as usize);
            let (stopped, said) = until_with(keys, directory.path(), step, process);
            all.extend(said);
            if !stopped {
                break;
            }
        }
        whole(directory.path(), &all, &calm, &format!("run {run}"));
    }
}

#[test]
fn without_the_sealing_key_a_run_needs_authority_and_stays_with_whoever_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let (stopped, _) = until(directory.path(), At::Step(40), 0);
    assert!(stopped);
    Runtime::new().unwrap().block_on(async {
        for seal in [None, Some(bailiwick::agent::SealKey::generate())] {
            let tree = Tree::at(directory.path());
            let orchestrator = tree.orchestrator(seal);
            let run = orchestrator.runs().await.unwrap()[0].run;
            let error = orchestrator.resume(run).await.unwrap_err();
            let ResumeError::NeedsAuthority { agents } = error else {
                panic!("{error}")
            };
            assert_eq!(agents[0], "lead");
        }
    });
    // And the one with the key goes on.
    let (_, said) = until(directory.path(), At::Never, 1);
    assert!(said.contains(&format!("answer {ANSWER}")), "{said:?}");
}

#[test]
fn a_process_whose_run_was_taken_over_does_nothing_more() {
    let directory = tempfile::tempdir().unwrap();
    let test = "crash::works_until_it_is_killed";
    let mut first = crash::child(test, directory.path(), At::Wait(40), 0, Keys::Kept);
    let mut lines_of = child::said(&mut first);
    assert!(lines_of.any(|line| line == "here"));
    let (_, said) = until(directory.path(), At::Never, 1);
    assert!(said.contains(&format!("answer {ANSWER}")), "{said:?}");
    let (effects, before) = (lines(directory.path(), "effects"), left(directory.path()));
    // The first goes on now, and finds that it may not.
    crash::wake(&mut first);
    let heard: Vec<_> = lines_of.collect();
    first.wait().unwrap();
    assert!(
        heard.iter().any(|line| line.contains("another process")),
        "{heard:?}"
    );
    // A body that had begun may come to its end, which the store does not know: no other body begins.
    let after_effects = lines(directory.path(), "effects");
    assert!(
        after_effects.len() <= effects.len() + before.unknown,
        "{after_effects:?}"
    );
    let after = left(directory.path());
    assert_eq!(after.budgets, before.budgets);
    assert_eq!(after.allowed, before.allowed);
    // Nor did it revoke what is not its own any more.
    assert_eq!(after.revoked, before.revoked);
    assert_eq!(after.twice, 0, "a call ended twice");
}

#[test]
fn a_run_that_is_over_is_not_begun_again_and_still_has_its_answer() {
    let directory = tempfile::tempdir().unwrap();
    let (_, said) = until(directory.path(), At::Never, 0);
    assert!(said.contains(&format!("answer {ANSWER}")));
    Runtime::new().unwrap().block_on(async {
        let tree = Tree::at(directory.path());
        let orchestrator = tree.orchestrator(None);
        let kept = orchestrator.runs().await.unwrap();
        assert_eq!(kept[0].ended.as_deref(), Some("answer"));
        let ResumeError::Ended { report, .. } = orchestrator.resume(kept[0].run).await.unwrap_err()
        else {
            panic!()
        };
        assert_eq!(report.unwrap().unwrap().text(), ANSWER);
        let unknown = bailiwick::id::RunId::fresh();
        let error = orchestrator.resume(unknown).await.unwrap_err();
        assert!(matches!(error, ResumeError::NotFound { .. }), "{error}");
    });
}
