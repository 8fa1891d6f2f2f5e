//! A process as the tests see it: real keys, real tokens, a clock that is set by hand.

#![allow(
    missing_docs,
    clippy::new_without_default,
    reason = "helpers of tests say in their names what they are"
)]

pub mod at_once;
pub mod bad_luck;
pub mod budgets;
pub mod calls;
pub mod children;
pub mod crash;
pub mod decisions;
pub mod faulty;
pub mod files;
pub mod fs_hostile;
pub mod gate;
pub mod handoffs;
pub mod hidden_text;
pub mod hostile;
pub mod names;
pub mod prune;
pub mod restart;
pub mod runs;
pub mod schedule;
pub mod slots;
pub mod stopped_helpers;
pub mod stores;
pub mod trees;
pub mod turns;
pub mod weak_model;
pub mod web;

use std::sync::Arc;
use std::time::Duration;

use bailiwick::agent::Orchestrator;
use bailiwick::capability::{AgentKey, Authority, Held, KeyRing, Mandate, PublicKey, Scope};
use bailiwick::clock::ManualClock;
use bailiwick::guard::{Guard, GuardBuilder};
use bailiwick::id::Timestamp;
use bailiwick::record::{Audit, AuditEntry, Body};
use bailiwick::store::{LogName, MemoryStore, Store};
use bailiwick::tool::{Gate, Outcome, Situation, Toolbox};

pub fn start() -> Timestamp {
    Timestamp::from_secs(1_800_000_000).unwrap()
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The audit entries in a log, all of them.
async fn entries(store: &dyn Store, log: &LogName) -> Vec<AuditEntry> {
    let log = store.log(log, 0, usize::MAX).await.unwrap();
    log.iter()
        .map(|entry| AuditEntry::parse(&entry.body).unwrap())
        .collect()
}

/// What an orchestrator has recorded.
pub async fn audit(orchestrator: &Orchestrator) -> Vec<AuditEntry> {
    let audit = orchestrator.gate().audit();
    entries(&**orchestrator.guard().store(), audit.log()).await
}

pub struct Home {
    pub authority: Authority,
    pub ring: KeyRing,
    pub clock: ManualClock,
    pub store: Arc<MemoryStore>,
    pub audit: Audit,
}

impl Home {
    pub fn new() -> Self {
        Self::on(MemoryStore::new())
    }

    pub fn on(store: MemoryStore) -> Self {
        let authority = Authority::generate();
        let ring = KeyRing::new([authority.root()]);
        let (clock, store, audit) = (ManualClock::at(start()), Arc::new(store), Audit::new());
        Self {
            authority,
            ring,
            clock,
            store,
            audit,
        }
    }

    pub fn guard(&self) -> GuardBuilder {
        Guard::builder(self.ring.clone())
            .clock(Arc::new(self.clock.clone()))
            .store(self.store.clone())
            .recorder(Arc::new(self.audit.clone()))
    }

    pub fn gate(&self, toolbox: Toolbox) -> Gate {
        self.gate_of(self.guard(), toolbox)
    }

    pub fn gate_of(&self, guard: GuardBuilder, toolbox: Toolbox) -> Gate {
        Gate::new(guard.build_recorded(self.audit.clone()), toolbox)
    }

    pub fn held(&self, scope: &Scope) -> Held {
        self.minted(scope, &Mandate::default())
    }

    pub fn minted(&self, scope: &Scope, mandate: &Mandate) -> Held {
        let key = AgentKey::generate();
        let chain = self
            .authority
            .mint(scope, mandate, key.public(), start())
            .unwrap();
        chain.held_by(key).unwrap()
    }

    pub fn child(&self, parent: &Held, scope: &Scope) -> Held {
        let key = AgentKey::generate();
        let chain = parent
            .delegate("child", scope, key.public(), start())
            .unwrap();
        chain.held_by(key).unwrap()
    }

    pub async fn entries(&self) -> Vec<AuditEntry> {
        entries(&*self.store, self.audit.log()).await
    }

    /// How many outcomes were recorded, with their errors.
    pub async fn outcomes(&self) -> Vec<Option<String>> {
        let outcome = |entry: AuditEntry| match entry.body {
            Body::Outcome { error, .. } => Some(error),
            _ => None,
        };
        self.entries()
            .await
            .into_iter()
            .filter_map(outcome)
            .collect()
    }
}

pub fn situation() -> Situation {
    Situation {
        agent: "lead".to_owned(),
        ..Situation::default()
    }
}

pub async fn call(gate: &Gate, held: &Held, tool: &str, raw: &str) -> Outcome {
    gate.call(held, tool, raw, &situation()).await
}

pub fn public() -> PublicKey {
    AgentKey::generate().public()
}

/// The value of a call that must have run.
#[macro_export]
macro_rules! value {
    ($outcome:expr) => {
        match $outcome {
            bailiwick::tool::Outcome::Value { value, .. } => value,
            other => panic!("expected a value, got {other:?}"),
        }
    };
}

/// The denial of a call that must have been refused for this reason.
#[macro_export]
macro_rules! denied {
    ($outcome:expr, $kind:expr) => {
        match $outcome {
            bailiwick::tool::Outcome::Denied(denial) if denial.kind() == $kind => denial,
            other => panic!("expected {:?}, got {other:?}", $kind),
        }
    };
}
