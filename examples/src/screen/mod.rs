//! Shows a tree of agents: on a terminal what happens scrolls by above the tree, which is drawn again
//! in its place; a pipe gets plain lines, and the tree at the end.

mod log;
mod paint;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal, Write};

use bailiwick::record::{Event, EventKind};
use bailiwick::text::printable;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::mpsc::UnboundedReceiver;

use log::Log;
use paint::{Paint, Style, WIDTH, cut};
use tree::Tree;

/// How high the tree is while it is drawn again and again: on a terminal that is lower it would
/// leave copies of itself.
const HEIGHT: usize = 16;

/// A call as it was seen.
pub struct Seen {
    /// The path of the agent.
    pub agent: String,
    /// The capability.
    pub capability: String,
    /// The arguments, as an event has them.
    pub arguments: String,
}

impl Seen {
    /// A call of an agent.
    #[must_use]
    pub fn new(agent: &str, capability: &str, arguments: &str) -> Self {
        Self {
            agent: agent.to_owned(),
            capability: capability.to_owned(),
            arguments: arguments.to_owned(),
        }
    }
}

/// What a screen is told beside the events.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// Something to show.
    Note(&'static str),
    /// That nothing more happens.
    Over,
}

/// What was shown up to now.
pub struct Screen {
    paint: Paint,
    out: Box<dyn Write + Send>,
    /// Whether the tree is drawn again in its place.
    live: bool,
    /// How many lines of the tree stand on the terminal.
    drawn: usize,
    log: Log,
    tree: Tree,
    /// The calls that were allowed and succeeded.
    pub allowed: Vec<Seen>,
    /// The calls that were refused, or allowed and failed.
    pub refused: Vec<Seen>,
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

impl Screen {
    /// On the standard output; in colour and live where it is a terminal.
    #[must_use]
    pub fn new() -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        Self::on(Box::new(io::stdout()), live, Paint::of_stdout())
    }

    fn on(out: Box<dyn Write + Send>, live: bool, paint: Paint) -> Self {
        Self {
            paint,
            out,
            live,
            drawn: 0,
            log: Log::new(paint),
            tree: Tree::default(),
            allowed: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Shows what happens until it is told that nothing more does, and the tree as it then is.
    pub(crate) async fn watch(
        mut self,
        mut news: Receiver<Event>,
        mut told: UnboundedReceiver<Told>,
    ) -> Self {
        loop {
            tokio::select! {
                biased;
                note = told.recv() => match note {
                    Some(Told::Note(note)) => self.line(note),
                    Some(Told::Over) | None => break,
                },
                event = news.recv() => match event {
                    Ok(event) => self.show(&event),
                    Err(RecvError::Lagged(missed)) => self.missed(missed),
                    Err(RecvError::Closed) => break,
                },
            }
        }
        // What happened before that was said.
        loop {
            match news.try_recv() {
                Ok(event) => self.show(&event),
                Err(TryRecvError::Lagged(missed)) => self.missed(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.finish();
        self
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Called {
                capability,
                arguments,
                error,
                ..
            } => {
                let seen = Seen::new(&event.agent, capability, arguments);
                match error {
                    None => self.allowed.push(seen),
                    Some(_) => self.refused.push(seen),
                }
            }
            EventKind::Denied {
                capability,
                arguments,
                ..
            } => self
                .refused
                .push(Seen::new(&event.agent, capability, arguments)),
            _ => {}
        }
        self.log.event(event);
        self.tree.event(event);
        self.draw();
    }

    fn missed(&mut self, events: u64) {
        self.line(&format!("({events} events came too fast to be shown)"));
    }

    /// Draws the tree for the last time.
    pub(crate) fn finish(&mut self) {
        for line in self.tree.lines(self.paint, usize::MAX) {
            self.log.line(&line);
        }
        self.live = false;
        self.draw();
    }

    /// The name of the agent whose lines follow.
    pub fn heading(&mut self, name: &str, note: &str) {
        self.log.close_all();
        self.log.heading(name, note);
        self.draw();
    }

    /// A call that was refused to the last heading's, by whom, and why.
    pub fn refused(&mut self, seen: Seen, by: &str, why: &str) {
        self.log.refused(&seen, by, why);
        self.refused.push(seen);
        self.draw();
    }

    /// A line of our own, which is shown as it is.
    pub fn line(&mut self, text: &str) {
        self.log.line(text);
        self.draw();
    }

    /// The first lines of a text that a model wrote.
    pub fn quote(&mut self, text: &str, most: usize) {
        for line in text.lines().filter(|line| !line.is_empty()).take(most) {
            let line = cut(&printable(line), WIDTH - 9);
            self.log.line(&format!("         {line}"));
        }
        self.draw();
    }

    /// How many calls there were.
    pub fn calls(&mut self) {
        let (allowed, refused) = (self.allowed.len(), self.refused.len());
        self.line(&format!("Calls    {allowed} allowed, {refused} refused"));
    }

    /// Prints the result.
    pub fn verdict(&mut self, good: bool, text: &str) {
        let style = if good { Style::Green } else { Style::Red };
        let text = self.paint.paint(style, text);
        self.line(&text);
    }

    /// Prints the lines that are new, in the place of the tree, and the tree beneath them.
    fn draw(&mut self) {
        let mut text = String::new();
        if self.drawn > 0 {
            // To where the tree begins, and away with it.
            text.push_str(&format!("\r\u{1b}[{}A\u{1b}[J", self.drawn));
        }
        for line in self.log.take() {
            text.push_str(&line);
            text.push('\n');
        }
        self.drawn = 0;
        if self.live {
            let mut lines = self.tree.lines(self.paint, HEIGHT - 1);
            lines.push(self.tree.progress(self.paint));
            self.drawn = lines.len();
            // A line that wraps would be two; the terminal cuts it instead.
            text.push_str(&format!("\u{1b}[?7l{}\n\u{1b}[?7h", lines.join("\n")));
        }
        // The reader that closed the other end of the pipe does not need the error.
        let written = self.out.write_all(text.as_bytes());
        let _ = written.and_then(|()| self.out.flush());
    }
}
