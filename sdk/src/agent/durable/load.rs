//! Reads a run back from its store.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::call::CallRecord;
use super::error::LoadError;
use super::formats::{AGENT, CALL, HEAD, MESSAGE, OUTLINE, OVER, SPAWNING, STATE};
use super::open_turn::OpenTurn;
use super::record::{AgentRecord, RunHead, StateRecord};
use super::run_store::{beneath, head_key, over_key};
use crate::agent::run::Run;
use crate::format::{Format, FormatError};
use crate::guard::BudgetSlots;
use crate::id::{AgentId, RunId, Timestamp};
use crate::store::{Key, Store, Versioned};

/// How many values are read at once.
const PAGE: usize = 1000;

/// An agent's run as it was stored.
#[derive(Debug)]
pub(in crate::agent) struct StoredState {
    pub(in crate::agent) run: Run,
    pub(in crate::agent) messages: usize,
    pub(in crate::agent) open_turn: Option<OpenTurn>,
}

/// The head of a run, with its version.
pub(in crate::agent) async fn read_head(
    store: &dyn Store,
    run: RunId,
) -> Result<(RunHead, u64), LoadError> {
    let kept = store.get(&head_key(run)).await?;
    let kept = kept.ok_or(LoadError::NotFound { run })?;
    Ok((read(&HEAD, &head_key(run), &kept.value)?, kept.version))
}

/// How a run ended, if it has ended.
pub(in crate::agent) async fn read_over(
    store: &dyn Store,
    run: RunId,
) -> Result<Option<String>, LoadError> {
    let kept = store.get(&over_key(run)).await?;
    let over = kept.map(|kept| read(&OVER, &over_key(run), &kept.value));
    Ok(over.transpose()?.map(|over| over.how))
}

/// The heads of all runs, with the end of each run that has ended.
pub(in crate::agent) async fn read_heads(
    store: &dyn Store,
) -> Result<Vec<(RunId, RunHead, Option<String>)>, LoadError> {
    let mut overs: BTreeMap<RunId, String> = BTreeMap::new();
    for (key, kept) in scan(store, &Key::of(["over"])).await? {
        overs.insert(named(&key)?, read(&OVER, &key, &kept.value)?.how);
    }
    let all = scan(store, &Key::of(["runs"])).await?;
    let heads = all.iter().map(|(key, kept)| {
        let run = named(key)?;
        Ok((run, read(&HEAD, key, &kept.value)?, overs.remove(&run)))
    });
    heads.collect()
}

fn named(key: &Key) -> Result<RunId, LoadError> {
    let name = key.parts().pop().unwrap_or_default();
    name.parse().map_err(|_| damaged(key, "it names no run"))
}

/// The runs that ended before a time, each with the versions of its head and of its end.
pub(in crate::agent) async fn read_ended(
    store: &dyn Store,
    before: Timestamp,
) -> Result<Vec<(RunId, [u64; 2])>, LoadError> {
    let mut ended = Vec::new();
    for (key, kept) in scan(store, &Key::of(["over"])).await? {
        let is_before = read(&OVER, &key, &kept.value)?
            .at
            .is_some_and(|at| at < before);
        let run = named(&key)?;
        if let (true, Some(first)) = (is_before, store.get(&head_key(run)).await?) {
            ended.push((run, [first.version, kept.version]));
        }
    }
    Ok(ended)
}

/// The agents of a run whose tasks have not ended.
pub(in crate::agent) async fn read_agents(
    store: &dyn Store,
    run: RunId,
) -> Result<BTreeMap<AgentId, AgentRecord>, LoadError> {
    let all = scan(store, &beneath(run, "agents")).await?;
    let agents = all.iter().map(|(key, kept)| {
        let record = read(&AGENT, key, &kept.value)?;
        Ok((record.agent, record))
    });
    agents.collect()
}

/// The calls that were begun in turns that are not over, by the agent and the model's id of the call.
pub(in crate::agent) async fn read_calls(
    store: &dyn Store,
    run: RunId,
) -> Result<BTreeMap<(String, String), CallRecord>, LoadError> {
    let all = scan(store, &beneath(run, "calls")).await?;
    let calls = all.iter().map(|(key, kept)| {
        let parts = key.parts();
        let [.., agent, call] = parts.as_slice() else {
            return Err(damaged(key, "it names no call"));
        };
        Ok((
            (agent.clone(), call.clone()),
            read(&CALL, key, &kept.value)?,
        ))
    });
    calls.collect()
}

/// The spawns that were allowed and made no child, each with the slots that it took.
pub(in crate::agent) async fn read_spawning(
    store: &dyn Store,
    run: RunId,
) -> Result<Vec<(Key, BudgetSlots)>, LoadError> {
    let all = scan(store, &beneath(run, "spawning")).await?;
    let spawning = all.into_iter().map(|(key, kept)| {
        let slots = read(&SPAWNING, &key, &kept.value)?.slots();
        let slots = slots.ok_or_else(|| damaged(&key, "it names no counter"))?;
        Ok((key, slots))
    });
    spawning.collect()
}

/// The stored state of an agent's run without its messages; `None` where it never ran.
async fn read_bare(
    store: &dyn Store,
    run: RunId,
    agent: AgentId,
) -> Result<Option<(Key, StateRecord)>, LoadError> {
    let key = beneath(run, "states").child(&agent.to_string());
    let Some(kept) = store.get(&key).await? else {
        return Ok(None);
    };
    let state = read(&STATE, &key, &kept.value)?;
    Ok(Some((key, state)))
}

/// A summary of an agent's run without its messages: a process that is running it may have
/// added messages since.
#[derive(Deserialize)]
pub(in crate::agent) struct Outline {
    pub(in crate::agent) task: String,
    pub(in crate::agent) turns: u32,
}

/// A summary of an agent's run; `None` where it never ran.
pub(in crate::agent) async fn read_outline(
    store: &dyn Store,
    run: RunId,
    agent: AgentId,
) -> Result<Option<Outline>, LoadError> {
    let Some((key, state)) = read_bare(store, run, agent).await? else {
        return Ok(None);
    };
    let outline = OUTLINE.read(state.run);
    outline.map(Some).map_err(|error| refused(&key, &error))
}

/// An agent's run; `None` where it never ran.
pub(in crate::agent) async fn read_state(
    store: &dyn Store,
    run: RunId,
    agent: AgentId,
) -> Result<Option<StoredState>, LoadError> {
    let Some((key, state)) = read_bare(store, run, agent).await? else {
        return Ok(None);
    };
    let place = beneath(run, "messages").child(&agent.to_string());
    let messages = scan(store, &place).await?;
    let messages: Vec<Value> = messages
        .iter()
        .map(|(key, kept)| read(&MESSAGE, key, &kept.value))
        .collect::<Result<_, _>>()?;
    if messages.len() != state.messages {
        let what = format!(
            "it has {} messages, and {} are kept",
            state.messages,
            messages.len()
        );
        return Err(damaged(&key, &what));
    }
    let run = Run::with_messages(state.run, messages)
        .map_err(|error| damaged(&key, &error.to_string()))?;
    Ok(Some(StoredState {
        run,
        messages: state.messages,
        open_turn: state.open_turn,
    }))
}

pub(in crate::agent) async fn scan(
    store: &dyn Store,
    prefix: &Key,
) -> Result<Vec<(Key, Versioned)>, LoadError> {
    let mut all: Vec<(Key, Versioned)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = store.scan(prefix, after.as_ref(), PAGE).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

fn read<T>(format: &Format<T>, key: &Key, text: &str) -> Result<T, LoadError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| damaged(key, &error.to_string()))?;
    format.read(value).map_err(|error| refused(key, &error))
}

/// The error for a value that its format refuses.
fn refused(key: &Key, error: &FormatError) -> LoadError {
    match error {
        FormatError::Version { .. } => LoadError::Version {
            what: format!("`{key}`: {error}"),
        },
        FormatError::NoVersion | FormatError::Damaged(_) => damaged(key, &error.to_string()),
    }
}

fn damaged(key: &Key, what: &str) -> LoadError {
    LoadError::Damaged {
        what: format!("`{key}`: {what}"),
    }
}
