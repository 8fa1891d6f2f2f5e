//! Everything that the program prints goes through here: escaped, and safe to pipe.

#[cfg(feature = "sqlite")]
mod draw;

use std::fmt;
use std::io::{self, ErrorKind, Write};

use bailiwick::capability::Refusal;
use bailiwick::text::is_misleading;
pub(crate) use bailiwick::text::printable as visible;
use serde::Serialize;
use serde_json::{Value, json};

/// The version of the JSON that `--json` prints; raised when a member changes its meaning.
pub(crate) const VERSION: u32 = 1;

/// How a command ended: its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Allowed, or done.
    Done = 0,
    /// A verdict of `simulate` is not the one expected.
    Different = 1,
    /// Bad usage, or something that cannot be read or written.
    Error = 2,
    /// Denied.
    Denied = 3,
}

/// Why a command failed: bad usage, an unreadable file.
#[derive(Debug)]
pub(crate) struct Fault(String);

impl Fault {
    /// A fault, in lower case, with user input in backticks.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// A fault of an operating-system call on `path`.
    pub(crate) fn file(path: &str, error: &io::Error) -> Self {
        Self(format!("`{path}`: {error}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// JSON with every control and hidden character escaped, which can stand only inside its strings.
fn visible_json(text: String) -> String {
    if !text.chars().any(is_misleading) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_misleading(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(letter);
        }
    }
    out
}

/// What `--json` prints.
#[derive(Serialize)]
struct Object {
    version: u32,
    command: &'static str,
    #[serde(flatten)]
    members: Value,
}

/// Standard output. A reader that went away is not an error: the exit code still says what happened.
pub(crate) struct Output {
    json: bool,
    command: &'static str,
    closed: bool,
    out: io::BufWriter<io::StdoutLock<'static>>,
}

impl Output {
    /// The output of `command`, as JSON or as text.
    pub(crate) fn new(command: &'static str, json: bool) -> Self {
        Self {
            json,
            command,
            closed: false,
            out: io::BufWriter::new(io::stdout().lock()),
        }
    }

    /// Whether `--json` was given.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// One line of text, escaped.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Fault> {
        self.write(&visible(text))
    }

    /// A line beside the output, on standard error; escaped.
    pub(crate) fn note(&mut self, text: &str) {
        note(text);
    }

    /// A JSON value on a line of its own.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> Result<(), Fault> {
        let text = serde_json::to_string(value).map_err(|error| Fault::new(error.to_string()))?;
        self.write(&visible_json(text))
    }

    /// The one object of a command: `members` after its version and the command's name.
    pub(crate) fn object(&mut self, members: Value) -> Result<(), Fault> {
        self.json_line(&Object {
            version: VERSION,
            command: self.command,
            members,
        })
    }

    /// A refusal by a token, and the exit code that goes with it.
    pub(crate) fn refused(&mut self, refusal: &Refusal) -> Result<Exit, Fault> {
        if self.json {
            self.object(refusal_json(refusal))?;
        } else {
            self.line(&format!("deny: {refusal}"))?;
        }
        Ok(Exit::Denied)
    }

    /// A fault, on standard error and, for `--json`, as an object.
    pub(crate) fn fault(&mut self, fault: &Fault) -> Result<(), Fault> {
        note(&format!("error: {fault}"));
        // `simulate` prints verdicts and nothing else.
        match self.json && self.command != "simulate" {
            true => self.object(json!({"error": fault.to_string()})),
            false => Ok(()),
        }
    }

    /// Writes what is buffered.
    pub(crate) fn flush(&mut self) -> Result<(), Fault> {
        let flushed = self.out.flush();
        self.settle(flushed)
    }

    fn write(&mut self, line: &str) -> Result<(), Fault> {
        if self.closed {
            return Ok(());
        }
        let written = writeln!(self.out, "{line}");
        self.settle(written)
    }

    fn settle(&mut self, written: io::Result<()>) -> Result<(), Fault> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            Err(error) if !self.closed => Err(Fault::file("standard output", &error)),
            _ => Ok(()),
        }
    }
}

/// A line on standard error, escaped; lost if no process reads standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(text));
}

/// The members that say a denial.
pub(crate) fn refusal_json(refusal: &Refusal) -> Value {
    json!({
        "verdict": "deny",
        "kind": refusal.kind().name(),
        "hop": refusal.hop(),
        "explanation": refusal.detail(),
    })
}

/// Bytes in lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_text_around_is_printed() {
        let ranges = [
            '\0'..='\u{1f}',
            '\u{7f}'..='\u{9f}',
            '\u{ad}'..='\u{ad}',
            '\u{61c}'..='\u{61c}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2066}'..='\u{2069}',
            '\u{feff}'..='\u{feff}',
            '\u{e0001}'..='\u{e007f}',
        ];
        for letter in ranges.into_iter().flatten() {
            let text = format!("a{letter}b");
            assert!(!visible(&text).contains(letter), "{letter:?}");
            assert!(visible(&text).starts_with("a\\"), "{letter:?}");
            let json = visible_json(json!({ (text.as_str()): text }).to_string());
            assert!(!json.contains(letter), "{letter:?}");
            assert_eq!(
                serde_json::from_str::<Value>(&json).unwrap(),
                json!({ (text.as_str()): text })
            );
        }
    }

    #[test]
    fn plain_text_is_printed_as_it_is() {
        let text = "Grüße, мир, 世界 `/srv/docs` \\ \"quoted\" 😀";
        assert_eq!(visible(text), text);
        assert_eq!(
            visible("a\nb\tc\rd\u{1b}[2Je\u{202e}f"),
            "a\\nb\\tc\\rd\\u{1b}[2Je\\u{202e}f"
        );
    }
}
