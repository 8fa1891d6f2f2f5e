//! Shows the agents of a run as they change, until the run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use bailiwick::agent::{StoredAgent, stored_agents, stored_run, stored_run_changed};
use bailiwick::id::RunId;
use bailiwick::store::SqliteStore;
use serde_json::json;

use super::kept::{agent_line, agent_object, fault};
use crate::output::{Fault, Output};

/// How long the output may be out of date.
const PAUSE: Duration = Duration::from_millis(200);
/// After so many looks without a change it is asked whether the run is over.
const STILL: u32 = 5;
/// The most lines of agents: lines that are drawn over have to fit the screen.
const LINES: usize = 20;

/// Shows the agents of a run: on a terminal as a tree that changes, elsewhere a line for each change.
pub(super) async fn watch(store: &SqliteStore, run: RunId, out: &mut Output) -> Result<(), Fault> {
    let live = out.is_live();
    let (mut drawn, mut still) = (0, 0);
    let (mut before, mut seen) = (Agents::default(), 0);
    loop {
        // Nothing is read while nothing has changed. What changes after the question is found by the next one.
        let changed = stored_run_changed(store, run, seen).await;
        let now = match changed.map_err(fault)? {
            Some(version) => {
                seen = version;
                agents(store, run).await?
            }
            None => before.clone(),
        };
        // Agents that are left when the run is over may be about to end, or may stay open for ever.
        still = if now == before { still + 1 } else { 0 };
        let how = match now.is_empty() || still >= STILL {
            true => stored_run(store, run).await.map_err(fault)?.ended,
            false => None,
        };
        if live && (now != before || drawn == 0) {
            let lines = tree(&now);
            out.draw(&lines, drawn)?;
            drawn = lines.len();
        }
        if !live {
            changes(&before, &now, out)?;
            out.flush()?;
        }
        if let Some(how) = how {
            return match out.is_json() {
                true => out.object(json!({ "run": run.to_string(), "ended": how })),
                false => out.line(&format!("the run is over: {how}")),
            };
        }
        if out.is_closed() {
            return Ok(());
        }
        before = now;
        tokio::time::sleep(PAUSE).await;
    }
}

/// By the parts of their paths, so that the agents beneath an agent come right after it, and by
/// their ids, since two may have one path.
type Agents = BTreeMap<(Vec<String>, String), StoredAgent>;

async fn agents(store: &SqliteStore, run: RunId) -> Result<Agents, Fault> {
    let agents = stored_agents(store, run).await.map_err(fault)?;
    let keyed = agents.into_iter().map(|agent| {
        let parts = agent.path.split('/').map(str::to_owned).collect();
        ((parts, agent.agent.to_string()), agent)
    });
    Ok(keyed.collect())
}

/// The tree, one agent on each line, beneath a line that counts what all agents have done.
fn tree(agents: &Agents) -> Vec<String> {
    let turns: u64 = agents.values().map(|agent| u64::from(agent.turns)).sum();
    let flying: usize = agents.values().map(|agent| agent.in_flight.len()).sum();
    let count = agents.len();
    let mut lines = vec![format!(
        "agents at work: {count}, turns: {turns}, calls in flight: {flying}"
    )];
    for ((parts, _), agent) in agents.iter().take(LINES) {
        let depth = parts.len().saturating_sub(1);
        let name = parts.last().map_or("", String::as_str);
        lines.push(format!(
            "{}{name}  {}",
            "  ".repeat(depth),
            agent_line(agent)
        ));
    }
    if count > LINES {
        lines.push(format!("and {} more", count - LINES));
    }
    lines
}

/// Prints what has changed, a line for each agent.
fn changes(before: &Agents, now: &Agents, out: &mut Output) -> Result<(), Fault> {
    for (key, agent) in now {
        if before.get(key) == Some(agent) {
            continue;
        }
        match out.is_json() {
            true => out.object(agent_object(agent))?,
            false => out.line(&format!("{}  {}", agent.path, agent_line(agent)))?,
        }
    }
    // A child ends before its parent.
    let gone = before.iter().rev();
    for (_, agent) in gone.filter(|(key, _)| !now.contains_key(*key)) {
        let path = &agent.path;
        match out.is_json() {
            true => {
                let agent = agent.agent.to_string();
                out.object(json!({ "agent": agent, "path": path, "ended": true }))?;
            }
            false => out.line(&format!("{path}  ended"))?,
        }
    }
    Ok(())
}
