//! Lines that are drawn over.

use std::io::{self, IsTerminal, Write};

use super::{Fault, Output};

/// The most characters of a line that is drawn over.
const WIDTH: usize = 79;

impl Output {
    /// Whether the reader of the output has gone away.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether lines can be drawn over: on a terminal that knows how.
    pub(crate) fn is_live(&self) -> bool {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        !self.json && !dumb && io::stdout().is_terminal()
    }

    /// Draws these lines, escaped and each cut to one, over as many as `over` says.
    pub(crate) fn draw(&mut self, lines: &[String], over: usize) -> Result<(), Fault> {
        if over > 0 {
            // To the start of the first of them, and from there clear.
            let written = write!(self.out, "\u{1b}[{over}F\u{1b}[J");
            self.settle(written)?;
        }
        for line in lines {
            self.write(&bailiwick::text::line(line, WIDTH))?;
        }
        self.flush()
    }
}
