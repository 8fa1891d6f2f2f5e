//! Colours, and texts cut to a line.

use std::io::{self, IsTerminal};

/// The most characters of a line.
pub(super) const WIDTH: usize = 90;

#[derive(Clone, Copy)]
pub(super) enum Style {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
}

/// Whether texts get a colour.
#[derive(Clone, Copy)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// In colour where the output is a terminal and `NO_COLOR` is not set.
    pub(super) fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
        Self(io::stdout().is_terminal() && !unwanted)
    }

    /// The text in a style, or as it is.
    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if self.0 {
            format!("\u{1b}[{}m{text}\u{1b}[0m", style as u8)
        } else {
            text.to_owned()
        }
    }
}

/// At most so many letters of the start.
pub(super) fn cut(text: &str, most: usize) -> String {
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
pub(super) fn cut_left(text: &str, most: usize) -> String {
    let length = text.chars().count();
    match length > most {
        true => ['…']
            .into_iter()
            .chain(text.chars().skip(length + 1 - most))
            .collect(),
        false => text.to_owned(),
    }
}
