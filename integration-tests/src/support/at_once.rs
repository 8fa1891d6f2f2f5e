//! Spawns that are refused.

use bailiwick::agent::{Agent, SpawnError};

pub fn denied(spawned: Result<Agent, SpawnError>) -> bailiwick::guard::Denial {
    match spawned {
        Err(SpawnError::Denied(denial)) => *denial,
        other => panic!("expected a denial, got {other:?}"),
    }
}
