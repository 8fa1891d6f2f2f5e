//! Prints the news of a tree of agents as they come, and counts them.

use std::io::{self, IsTerminal, Write};

use bailiwick::guard::printable;
use bailiwick::record::{Event, EventKind};
use tokio::sync::broadcast::Receiver;

/// No line is longer.
const WIDTH: usize = 90;

/// A call as it was seen.
pub(crate) struct Seen {
    pub(crate) agent: String,
    pub(crate) capability: String,
    pub(crate) arguments: String,
}

/// What was printed up to now.
pub(crate) struct Screen {
    colour: bool,
    /// The agent, capability and column of a line of allowed calls that may go on.
    open: Option<(String, String, usize)>,
    pub(crate) allowed: Vec<Seen>,
    pub(crate) refused: Vec<Seen>,
}

#[derive(Clone, Copy)]
pub(crate) enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
}

impl Screen {
    /// In colour where the output is a terminal and `NO_COLOR` is not set.
    pub(crate) fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self { colour: io::stdout().is_terminal() && !unwanted, open: None, allowed: Vec::new(), refused: Vec::new() }
    }

    /// Prints what happens until the first agent's task has ended.
    pub(crate) async fn watch(mut self, mut news: Receiver<Event>) -> Self {
        while let Ok(event) = news.recv().await {
            let first = !event.agent.contains('/');
            let over = matches!(event.kind, EventKind::Ended { .. });
            self.show(event);
            if first && over {
                break;
            }
        }
        self.close();
        self
    }

    fn show(&mut self, event: Event) {
        let agent = event.agent;
        match event.kind {
            EventKind::Spawned { scope } => self.spawned(&agent, &scope),
            EventKind::Called { capability, arguments, error: None, .. } => {
                self.allowed(Seen { agent, capability, arguments });
            }
            EventKind::Called { capability, arguments, error: Some(error), .. } => {
                // The token allowed it; what was found at the end of the path did not.
                self.refused(Seen { agent, capability, arguments }, "the door", &error);
            }
            EventKind::Denied { capability, arguments, kind, hop, detail } => {
                let by = hop.map_or_else(|| kind.to_string(), |hop| format!("hop {hop} {kind}"));
                self.refused(Seen { agent, capability, arguments }, &by, &detail);
            }
            _ => {}
        }
    }

    fn spawned(&mut self, agent: &str, scope: &[String]) {
        // Grants on a line each, caveats beside the name.
        let (caveats, grants): (Vec<_>, Vec<_>) =
            scope.iter().partition(|line| line.starts_with("before ") || line.starts_with("at most "));
        let (depth, name) = (depth(agent), agent.rsplit('/').next().unwrap_or(agent));
        let branch = if depth == 0 { "" } else { "└ " };
        let caveats = caveats.iter().map(|line| printable(line)).collect::<Vec<_>>().join(", ");
        let head = format!("{branch}{}", self.paint(Style::Bold, &printable(name)));
        self.line(&format!("{}{head}  {}", pad(agent), self.paint(Style::Dim, &format!("hop {depth}, {caveats}"))));
        for grant in grants {
            let text = format!("{}  may {}", pad(agent), printable(grant));
            let text = self.paint(Style::Dim, &cut(&text, WIDTH));
            self.line(&text);
        }
    }

    fn allowed(&mut self, seen: Seen) {
        let tick = self.paint(Style::Green, "✓");
        let argument = argument(&seen.arguments);
        let short = argument.rsplit('/').next().unwrap_or(&argument);
        match &mut self.open {
            // Reads of one agent share a line: there are many.
            Some((agent, capability, column)) if (&*agent, &*capability) == (&seen.agent, &seen.capability) => {
                let length = short.chars().count() + 4;
                if *column + length > WIDTH {
                    *column = pad(&seen.agent).len() + 14 + length;
                    write(&format!("\n{}              {tick} {short}", pad(&seen.agent)));
                } else {
                    *column += length;
                    write(&format!("  {tick} {short}"));
                }
            }
            _ => {
                self.close();
                let text = format!("{}  {tick} {:<10}  {}", pad(&seen.agent), printable(&seen.capability), cut(&argument, 60));
                write(&text);
                let column = pad(&seen.agent).len() + 16 + argument.chars().count();
                self.open = Some((seen.agent.clone(), seen.capability.clone(), column));
            }
        }
        self.allowed.push(seen);
    }

    /// A call that was refused, by whom, and why.
    pub(crate) fn refused(&mut self, seen: Seen, by: &str, why: &str) {
        let argument = argument(&seen.arguments);
        let call = format!("{:<10}  {:<38}", printable(&seen.capability), cut(&argument, 38));
        let room = WIDTH - pad(&seen.agent).len() - 6 - call.chars().count() - by.chars().count();
        let why = cut(&printable(why), room);
        let (cross, by) = (self.paint(Style::Red, "✗"), self.paint(Style::Red, by));
        self.line(&format!("{}  {cross} {call} {by}: {}", pad(&seen.agent), self.paint(Style::Dim, &why)));
        self.refused.push(seen);
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, text: &str) {
        self.close();
        write(&format!("{text}\n"));
    }

    /// The text in a style, or as it is.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", style as u8) } else { text.to_owned() }
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            write("\n");
        }
    }
}

fn write(text: &str) {
    let mut out = io::stdout();
    // Whoever closed the other end of the pipe does not want to know.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn depth(agent: &str) -> usize {
    agent.matches('/').count()
}

fn pad(agent: &str) -> &'static str {
    if depth(agent) == 0 { "" } else { "  " }
}

/// The argument that matters, out of argument text that a model wrote and that may be cut.
fn argument(arguments: &str) -> String {
    let all = |name: &str| {
        let key = format!("\"{name}\":\"");
        let parts = arguments.split(&key).skip(1);
        parts.map(|part| part.split('"').next().unwrap_or_default()).collect::<Vec<_>>().join(" + ")
    };
    let found = match (all("role"), all("path"), all("url")) {
        (role, ..) if !role.is_empty() => format!("{role} {}", arguments.split_once("\"scope\":").map_or("", |(_, scope)| scope)),
        (_, path, _) if !path.is_empty() => path,
        (.., url) if !url.is_empty() => url,
        _ => arguments.to_owned(),
    };
    printable(&found)
}

/// At most so many letters. Two paths in one are cut in the middle of each.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
