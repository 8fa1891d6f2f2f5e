//! The agents as a tree, each on a line with what it is doing.

use bailiwick::record::{Event, EventKind};
use bailiwick::text::printable;

use super::paint::{Paint, Style, WIDTH, cut};
use super::words::argument;

/// An agent as it was last heard of.
struct Node {
    path: String,
    parent: Option<usize>,
    allowed: u32,
    refused: u32,
    doing: String,
    ended: bool,
    /// Its task came to what it was for.
    well: bool,
}

/// All agents that there were, in the order in which they came.
#[derive(Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

/// One line of the tree.
struct Line {
    branch: String,
    node: usize,
    /// It and all beneath it have ended.
    over: bool,
}

impl Tree {
    pub(super) fn event(&mut self, event: &Event) {
        let Some(node) = self.node(&event.agent) else {
            return;
        };
        match &event.kind {
            EventKind::Thinking { turn } => node.doing = format!("thinking, turn {turn}"),
            EventKind::Called {
                capability,
                arguments,
                error,
                ..
            } => {
                let call = format!("{} {}", printable(capability), argument(arguments));
                if error.is_some() {
                    node.refused += 1;
                    node.doing = format!("failed: {call}");
                } else {
                    node.allowed += 1;
                    node.doing = call;
                }
            }
            EventKind::Denied { capability, .. } => {
                node.refused += 1;
                node.doing = format!("refused: {}", printable(capability));
            }
            EventKind::Paused { why } => node.doing = format!("paused: {}", printable(why)),
            EventKind::HandedOver { to } => {
                let to = to.rsplit_once('/').map_or(to.as_str(), |(_, name)| name);
                node.doing = format!("handed over to {}", printable(to));
            }
            EventKind::Ended { how } => {
                node.ended = true;
                node.well = how == "answer";
                node.doing = format!("ended: {}", printable(how));
            }
            // An event of a later version is not drawn.
            _ => {}
        }
    }

    /// The agent of this path; its first event may be another than its beginning, because
    /// a watcher can miss events.
    fn node(&mut self, path: &str) -> Option<&mut Node> {
        let known = self.nodes.iter().position(|node| node.path == path);
        let index = known.unwrap_or_else(|| {
            let parent = path.rsplit_once('/').map(|(parent, _)| parent);
            let parent = self
                .nodes
                .iter()
                .position(|node| Some(node.path.as_str()) == parent);
            self.nodes.push(Node {
                path: path.to_owned(),
                parent,
                allowed: 0,
                refused: 0,
                doing: "begun".to_owned(),
                ended: false,
                well: false,
            });
            self.nodes.len() - 1
        });
        self.nodes.get_mut(index)
    }

    /// The lines, at most so many: those who have ended are left out first.
    pub(super) fn lines(&self, paint: Paint, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        self.beneath(None, "", &mut lines);
        let mut left_out = 0;
        while lines.len() + usize::from(left_out > 0) > most {
            // A leaf, or else the lines beneath it would hang in the air.
            let over = lines.iter().rposition(|line| line.over);
            lines.remove(over.unwrap_or(lines.len().saturating_sub(1)));
            left_out += 1;
        }
        let name = |line: &Line| {
            let path = self.nodes.get(line.node).map_or("", |node| &node.path);
            let name = path.rsplit('/').next().unwrap_or(path);
            format!("{}{}", line.branch, printable(name))
        };
        let column = lines.iter().map(|line| name(line).chars().count()).max();
        let column = column.unwrap_or_default();
        let mut shown: Vec<String> = lines
            .iter()
            .filter_map(|line| Some(self.nodes.get(line.node)?.shown(&name(line), column, paint)))
            .collect();
        if left_out > 0 {
            let note = format!("… and {left_out} more");
            shown.push(paint.paint(Style::Dim, &note));
        }
        shown
    }

    /// How far all of them are.
    pub(super) fn progress(&self, paint: Paint) -> String {
        let ended = self.nodes.iter().filter(|node| node.ended).count();
        let allowed: u32 = self.nodes.iter().map(|node| node.allowed).sum();
        let refused: u32 = self.nodes.iter().map(|node| node.refused).sum();
        let begun = self.nodes.len();
        let text = format!("{ended} of {begun} have ended, {allowed} allowed, {refused} refused");
        paint.paint(Style::Dim, &text)
    }

    /// Adds the lines of the children of an agent, or of the first agents; whether all have ended.
    fn beneath(&self, parent: Option<usize>, indent: &str, lines: &mut Vec<Line>) -> bool {
        let children = self.nodes.iter().enumerate();
        let mut children = children
            .filter(|(_, node)| node.parent == parent)
            .peekable();
        let mut all = true;
        while let Some((index, node)) = children.next() {
            let (branch, further) = match (parent, children.peek()) {
                (None, _) => ("", ""),
                (_, Some(_)) => ("├ ", "│ "),
                (_, None) => ("└ ", "  "),
            };
            let place = lines.len();
            lines.push(Line {
                branch: format!("{indent}{branch}"),
                node: index,
                over: false,
            });
            let over = self.beneath(Some(index), &format!("{indent}{further}"), lines);
            if let Some(line) = lines.get_mut(place) {
                line.over = over && node.ended;
                all &= line.over;
            }
        }
        all
    }
}

impl Node {
    fn shown(&self, name: &str, column: usize, paint: Paint) -> String {
        let allowed = format!("✓{:>3}", self.allowed);
        let refused = format!("✗{:>3}", self.refused);
        let doing = cut(&self.doing, WIDTH.saturating_sub(column + 14));
        let doing = match (self.ended, self.well) {
            (true, true) => paint.paint(Style::Green, &doing),
            (true, false) => paint.paint(Style::Dim, &doing),
            (false, _) => doing,
        };
        let allowed = match self.allowed {
            0 => paint.paint(Style::Dim, &allowed),
            _ => paint.paint(Style::Green, &allowed),
        };
        let refused = match self.refused {
            0 => paint.paint(Style::Dim, &refused),
            _ => paint.paint(Style::Red, &refused),
        };
        format!("{name:<column$}  {allowed}  {refused}  {doing}")
    }
}
