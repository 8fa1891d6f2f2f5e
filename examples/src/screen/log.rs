//! What happens, a line for each, as it scrolls by or goes into a pipe.

use std::collections::BTreeMap;

use bailiwick::record::{Event, EventKind};
use bailiwick::text::printable;

use super::Seen;
use super::paint::{Paint, Style, WIDTH, cut, cut_left};
use super::words::{argument, brief, by};

/// Allowed calls of one kind, of one agent, that may go on: it reads a dozen files.
struct Open {
    capability: String,
    /// Of the first call, which the others need not name again.
    directory: String,
    column: usize,
    text: String,
}

/// Makes lines of events. The screen takes them to print them.
pub(super) struct Log {
    paint: Paint,
    /// Whose lines these are.
    agent: String,
    /// By agent: several are at work at the same time.
    open: BTreeMap<String, Open>,
    lines: Vec<String>,
}

impl Log {
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            agent: String::new(),
            open: BTreeMap::new(),
            lines: Vec::new(),
        }
    }

    /// The lines that are complete.
    pub(super) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    pub(super) fn event(&mut self, event: &Event) {
        let agent = event.agent.as_str();
        match &event.kind {
            EventKind::Spawned { scope } => self.spawned(agent, scope),
            EventKind::Called {
                capability,
                arguments,
                error,
                ..
            } => {
                let seen = Seen::new(agent, capability, arguments);
                match error {
                    None => self.allowed(&seen),
                    // The token allowed it; what was found at the end of the path did not.
                    Some(error) => self.refused(&seen, "door", error),
                }
            }
            EventKind::Denied {
                capability,
                arguments,
                kind,
                hop,
                detail,
            } => {
                let seen = Seen::new(agent, capability, arguments);
                self.refused(&seen, &by(*hop, kind.name()), detail);
            }
            EventKind::Paused { why } => {
                self.belongs_to(agent);
                // Whose turn it was, the heading says.
                let short = why.split_once(&format!("denied to {agent}: "));
                let why = cut(
                    &printable(short.map_or(why, |(_, short)| short)),
                    WIDTH - 13,
                );
                let why = self.paint.paint(Style::Red, &why);
                self.lines.push(format!("  ‖ paused   {why}"));
            }
            EventKind::HandedOver { to } => {
                self.belongs_to(agent);
                let to = to.rsplit_once('/').map_or(to.as_str(), |(_, name)| name);
                let to = cut(&printable(to), WIDTH - 22);
                self.lines.push(format!("  → handed over to {to}"));
            }
            EventKind::Ended { .. } => self.close(agent),
            // The tree shows who thinks; what a later version tells is not shown.
            _ => {}
        }
    }

    fn spawned(&mut self, agent: &str, scope: &[String]) {
        if let Some((parent, _)) = agent.rsplit_once('/') {
            self.close(parent);
        }
        // Grants on a line each, caveats beside the name.
        let is_caveat =
            |line: &&String| line.starts_with("before ") || line.starts_with("at most ");
        let (caveats, grants): (Vec<_>, Vec<_>) = scope.iter().partition(is_caveat);
        let caveats = caveats
            .iter()
            .map(|line| printable(line))
            .collect::<Vec<_>>()
            .join(", ");
        self.heading(
            agent,
            &format!("hop {}, {caveats}", agent.matches('/').count()),
        );
        for grant in grants {
            let text = cut(&format!("may {}", printable(grant)), WIDTH - 2);
            let text = self.paint.paint(Style::Dim, &text);
            self.lines.push(format!("  {text}"));
        }
    }

    /// The name of the agent whose lines follow.
    pub(super) fn heading(&mut self, agent: &str, note: &str) {
        let (branch, name) = match agent.split_once('/') {
            Some((_, beneath)) => ("└ ", beneath),
            None => ("", agent),
        };
        let note = cut(note, WIDTH.saturating_sub(name.chars().count() + 4));
        let name = self.paint.paint(Style::Bold, &printable(name));
        let note = self.paint.paint(Style::Dim, &note);
        self.lines.push(format!("{branch}{name}  {note}"));
        self.agent = agent.to_owned();
    }

    /// What follows is this agent's.
    fn belongs_to(&mut self, agent: &str) {
        self.close(agent);
        if self.agent != agent {
            self.heading(agent, "goes on");
        }
    }

    fn allowed(&mut self, seen: &Seen) {
        let agent = seen.agent.as_str();
        if self
            .open
            .get(agent)
            .is_some_and(|open| open.capability != seen.capability)
        {
            self.close(agent);
        }
        let tick = self.paint.paint(Style::Green, "✓");
        let argument = argument(&seen.arguments);
        if let Some(open) = self.open.get_mut(agent) {
            let short = argument.strip_prefix(&open.directory).unwrap_or(&argument);
            let short = cut_left(short, WIDTH - 20);
            let next = short.chars().count() + 3;
            if open.column + next > WIDTH {
                open.column = 15;
                open.text.push_str(&format!("\n{:15}", ""));
            }
            open.column += next;
            open.text.push_str(&format!(" {tick} {short}"));
            return;
        }
        let shown = cut_left(&argument, WIDTH - 16);
        let open = Open {
            capability: seen.capability.clone(),
            directory: argument
                .rfind('/')
                .and_then(|end| argument.get(..=end))
                .unwrap_or_default()
                .to_owned(),
            column: 16 + shown.chars().count(),
            text: format!("  {tick} {:<11} {shown}", printable(&seen.capability)),
        };
        self.open.insert(agent.to_owned(), open);
    }

    /// A call that was refused, by whom, and why.
    pub(super) fn refused(&mut self, seen: &Seen, by: &str, why: &str) {
        self.belongs_to(&seen.agent);
        let call = format!(
            "{:<11} {:<29}",
            cut(&printable(&seen.capability), 20),
            cut_left(&argument(&seen.arguments), 29)
        );
        let by = format!("{by:<14}");
        let why = cut(
            &brief(why),
            WIDTH.saturating_sub(7 + call.chars().count() + by.chars().count()),
        );
        let cross = self.paint.paint(Style::Red, "✗");
        let by = self.paint.paint(Style::Red, &by);
        let why = self.paint.paint(Style::Dim, &why);
        self.lines.push(format!("  {cross} {call} {by} {why}"));
    }

    /// A line of its own, after all that was begun.
    pub(super) fn line(&mut self, text: &str) {
        self.close_all();
        self.lines.push(text.to_owned());
    }

    pub(super) fn close_all(&mut self) {
        let agents: Vec<String> = self.open.keys().cloned().collect();
        for agent in agents {
            self.close(&agent);
        }
    }

    fn close(&mut self, agent: &str) {
        if let Some(open) = self.open.remove(agent) {
            if self.agent != agent {
                self.heading(agent, "goes on");
            }
            self.lines.extend(open.text.split('\n').map(str::to_owned));
        }
    }
}
