//! Prints the news of a tree of agents as they come, and counts them.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

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

/// A line of allowed calls that may go on.
struct Open {
    capability: String,
    /// Of the first call, which the others need not name again.
    directory: String,
    column: usize,
}

/// What was printed up to now.
pub(crate) struct Screen {
    colour: bool,
    /// Whose lines these are.
    agent: String,
    open: Option<Open>,
    pub(crate) allowed: Vec<Seen>,
    pub(crate) refused: Vec<Seen>,
}

#[derive(Clone, Copy)]
enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
}

impl Screen {
    /// In colour where the output is a terminal and `NO_COLOR` is not set.
    pub(crate) fn new() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self {
            colour: io::stdout().is_terminal() && !unwanted,
            agent: String::new(),
            open: None,
            allowed: Vec::new(),
            refused: Vec::new(),
        }
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
        if matches!(
            event.kind,
            EventKind::Called { .. } | EventKind::Denied { .. }
        ) && agent != self.agent
        {
            self.heading(&agent, "goes on");
        }
        match event.kind {
            EventKind::Spawned { scope } => self.spawned(&agent, &scope),
            EventKind::Called {
                capability,
                arguments,
                error: None,
                ..
            } => {
                self.allowed(Seen {
                    agent,
                    capability,
                    arguments,
                });
            }
            EventKind::Called {
                capability,
                arguments,
                error: Some(error),
                ..
            } => {
                // The token allowed it; what was found at the end of the path did not.
                self.refused(
                    Seen {
                        agent,
                        capability,
                        arguments,
                    },
                    "door",
                    &error,
                );
            }
            EventKind::Denied {
                capability,
                arguments,
                kind,
                hop,
                detail,
            } => {
                let by = hop.map_or_else(|| kind.to_string(), |hop| format!("hop {hop} {kind}"));
                self.refused(
                    Seen {
                        agent,
                        capability,
                        arguments,
                    },
                    &by,
                    &detail,
                );
            }
            _ => {}
        }
    }

    fn spawned(&mut self, agent: &str, scope: &[String]) {
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
            let text = self.paint(
                Style::Dim,
                &cut(&format!("may {}", printable(grant)), WIDTH - 2),
            );
            self.line(&format!("  {text}"));
        }
    }

    /// The name of the agent whose lines follow.
    pub(crate) fn heading(&mut self, agent: &str, note: &str) {
        let branch = if agent.contains('/') { "└ " } else { "" };
        let name = self.paint(
            Style::Bold,
            &printable(agent.rsplit('/').next().unwrap_or(agent)),
        );
        let note = self.paint(Style::Dim, note);
        self.line(&format!("{branch}{name}  {note}"));
        self.agent = agent.to_owned();
    }

    fn allowed(&mut self, seen: Seen) {
        let (tick, argument) = (self.paint(Style::Green, "✓"), argument(&seen.arguments));
        match &mut self.open {
            // An agent's calls of one kind share a line: it reads a dozen files.
            Some(open) if open.capability == seen.capability => {
                let short = argument.strip_prefix(&open.directory).unwrap_or(&argument);
                let next = short.chars().count() + 3;
                if open.column + next > WIDTH {
                    open.column = 15;
                    write(&format!("\n{:15}", ""));
                }
                open.column += next;
                write(&format!(" {tick} {short}"));
            }
            _ => {
                self.close();
                let shown = cut_left(&argument, WIDTH - 16);
                write(&format!(
                    "  {tick} {:<11} {shown}",
                    printable(&seen.capability)
                ));
                self.open = Some(Open {
                    capability: seen.capability.clone(),
                    directory: argument
                        .rfind('/')
                        .and_then(|end| argument.get(..=end))
                        .unwrap_or_default()
                        .to_owned(),
                    column: 16 + shown.chars().count(),
                });
            }
        }
        self.allowed.push(seen);
    }

    /// A call that was refused, by whom, and why.
    pub(crate) fn refused(&mut self, seen: Seen, by: &str, why: &str) {
        let call = format!(
            "{:<11} {:<29}",
            printable(&seen.capability),
            cut_left(&argument(&seen.arguments), 29)
        );
        let by = format!("{by:<14}");
        let why = cut(
            &brief(why),
            WIDTH.saturating_sub(7 + call.chars().count() + by.chars().count()),
        );
        let (cross, by) = (self.paint(Style::Red, "✗"), self.paint(Style::Red, &by));
        let why = self.paint(Style::Dim, &why);
        self.line(&format!("  {cross} {call} {by} {why}"));
        self.refused.push(seen);
    }

    /// A file that was written, and how it begins.
    pub(crate) fn file(&mut self, path: &Path, text: &str) {
        let (path, bytes) = (path.display(), text.len());
        self.line(&format!(
            "\nWritten  {path} ({bytes} bytes, removed on exit)"
        ));
        for line in text.lines().filter(|line| !line.is_empty()).take(3) {
            self.line(&format!("         {}", cut(&printable(line), WIDTH - 9)));
        }
    }

    /// How many calls there were.
    pub(crate) fn calls(&mut self) {
        let (allowed, refused) = (self.allowed.len(), self.refused.len());
        self.line(&format!("Calls    {allowed} allowed, {refused} refused"));
    }

    /// What the attacker got.
    pub(crate) fn loot(&mut self, loot: &[String]) {
        let text = match loot {
            [] => self.paint(
                Style::Green,
                "The attacker got nothing. Each agent could do only what its token says.",
            ),
            loot => self.paint(Style::Red, &format!("The attacker got {}", loot.join("; "))),
        };
        self.line(&text);
    }

    /// A line of its own.
    pub(crate) fn line(&mut self, text: &str) {
        self.close();
        write(&format!("{text}\n"));
    }

    /// The text in a style, or as it is.
    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("\u{1b}[{}m{text}\u{1b}[0m", style as u8)
        } else {
            text.to_owned()
        }
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

/// The argument that matters, out of argument text that a model wrote and that may be cut.
fn argument(arguments: &str) -> String {
    let all = |key: &str| {
        let parts = arguments.split(key).skip(1);
        parts
            .map(|part| part.split('"').next().unwrap_or_default())
            .collect::<Vec<_>>()
    };
    let (roles, paths) = (all("\"role\":\""), all("\"path\":\""));
    let found = match (roles.as_slice(), paths.as_slice()) {
        ([role], _) => format!(
            "{role} with {} {}",
            all("\"tool\":\"").concat(),
            all("\"path_under\":[\"").concat()
        ),
        (_, [path]) => (*path).to_owned(),
        // A key that is given twice.
        (_, [_, _, ..]) => paths
            .iter()
            .filter_map(|path| path.rsplit('/').next())
            .collect::<Vec<_>>()
            .join(" + "),
        _ => all("\"url\":\"")
            .first()
            .map_or_else(|| arguments.to_owned(), |url| (*url).to_owned()),
    };
    printable(&found)
}

/// What is wrong, without the argument that stands before it on the line.
fn brief(why: &str) -> String {
    let rest = why
        .split_once("` ")
        .or_else(|| why.split_once(": "))
        .map_or(why, |(_, rest)| rest);
    printable(rest.strip_prefix("is ").unwrap_or(rest))
}

/// At most so many letters of the start.
fn cut(text: &str, most: usize) -> String {
    match text.chars().count() > most {
        true => text
            .chars()
            .take(most.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text.to_owned(),
    }
}

/// At most so many letters of the end: the end of a path says more.
fn cut_left(text: &str, most: usize) -> String {
    let length = text.chars().count();
    match length > most {
        true => ['…']
            .into_iter()
            .chain(text.chars().skip(length + 1 - most))
            .collect(),
        false => text.to_owned(),
    }
}
