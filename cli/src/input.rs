//! Reads the inputs of the program: files, standard input, keys, scopes and tokens.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick::capability::{
    AgentKey, Authority, Chain, KeyRing, Kind, MAX_ROOTS, PublicKey, Refusal, Scope, WireCall,
    from_text,
};
use bailiwick::clock::{Clock, SystemClock};
use bailiwick::id::Timestamp;
use clap::Args;
use zeroize::Zeroizing;

use crate::output::Fault;

/// The largest file that is read whole.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The trusted roots, and the time for which a chain is checked.
#[derive(Args, Debug)]
pub(crate) struct Roots {
    /// The public keys of the roots that are trusted, with commas between them
    #[arg(
        long = "root",
        value_name = "PUBKEY",
        value_delimiter = ',',
        required = true
    )]
    keys: Vec<PublicKey>,
}

impl Roots {
    /// The ring of these roots.
    pub(crate) fn ring(&self) -> Result<KeyRing, Fault> {
        if self.keys.len() > MAX_ROOTS {
            return Err(Fault::new(format!(
                "at most {MAX_ROOTS} roots are trusted at once, and `--root` names {}",
                self.keys.len()
            )));
        }
        Ok(KeyRing::new(self.keys.iter().copied()))
    }
}

/// The holder that a token is made for.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct Holder {
    /// The public key of the holder
    #[arg(long, value_name = "PUBKEY")]
    to: Option<PublicKey>,
    /// Make a key for the holder and write it to this file, which must not exist
    #[arg(long, value_name = "FILE")]
    new_key: Option<String>,
}

/// The holder's key: known, or made and to be written once the token is.
pub(crate) enum NewHolder {
    Known(PublicKey),
    Fresh(Box<AgentKey>, String),
}

impl Holder {
    /// The key that the token shall name.
    pub(crate) fn key(&self) -> Result<NewHolder, Fault> {
        match (&self.to, &self.new_key) {
            (Some(key), _) => Ok(NewHolder::Known(*key)),
            (None, Some(file)) => Ok(NewHolder::Fresh(
                Box::new(AgentKey::generate()),
                file.clone(),
            )),
            (None, None) => Err(Fault::new(
                "the holder is not given; give `--to` or `--new-key`",
            )),
        }
    }
}

impl NewHolder {
    pub(crate) fn public(&self) -> PublicKey {
        match self {
            Self::Known(key) => *key,
            Self::Fresh(key, _) => key.public(),
        }
    }

    /// Writes a key that was made; gives its file.
    pub(crate) fn save(&self) -> Result<Option<&str>, Fault> {
        match self {
            Self::Known(_) => Ok(None),
            Self::Fresh(key, file) => {
                let pem = key
                    .danger_to_pem()
                    .map_err(|error| Fault::new(error.to_string()))?;
                write_secret(file, &pem)?;
                Ok(Some(file))
            }
        }
    }
}

/// Writes a secret to a file that did not exist, for its owner alone.
pub(crate) fn write_secret(path: &str, text: &str) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Fault::new(format!(
            "`{path}` exists, and a key is never overwritten; name another file"
        )),
        _ => Fault::file(path, &error),
    })?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Fault::file(path, &error))
}

/// A file's text, or that of standard input for `-`.
pub(crate) fn text(path: &str) -> Result<String, Fault> {
    let mut bytes = Zeroizing::new(Vec::new());
    let read = match path {
        "-" => stdin()?.take(MAX_FILE + 1).read_to_end(&mut bytes),
        _ => File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)),
    };
    let read = read.map_err(|error| Fault::file(path, &error))?;
    if read as u64 > MAX_FILE {
        return Err(Fault::new(format!(
            "`{path}` has more than {MAX_FILE} bytes"
        )));
    }
    String::from_utf8(std::mem::take(&mut *bytes))
        .map_err(|_| Fault::new(format!("`{path}` is not text in UTF-8")))
}

/// Standard input, which can be read once.
pub(crate) fn stdin() -> Result<io::StdinLock<'static>, Fault> {
    static READ: AtomicBool = AtomicBool::new(false);
    match READ.swap(true, Ordering::Relaxed) {
        true => Err(Fault::new(
            "`-` is given twice, and standard input can be read once",
        )),
        false => Ok(io::stdin().lock()),
    }
}

/// A scope in JSON or TOML, told by the file's extension; JSON on standard input.
pub(crate) fn scope(path: &str) -> Result<Scope, Fault> {
    let extension = Path::new(path)
        .extension()
        .and_then(|extension| extension.to_str());
    let read = match extension {
        _ if path == "-" => Scope::from_json,
        Some("json") => Scope::from_json,
        Some("toml") => Scope::from_toml,
        _ => {
            return Err(Fault::new(format!(
                "`{path}` ends neither in .json nor in .toml, so its form is not known"
            )));
        }
    };
    read(&text(path)?).map_err(|error| Fault::new(format!("`{path}`: {error}")))
}

/// The private key of a holder.
pub(crate) fn agent_key(path: &str) -> Result<AgentKey, Fault> {
    let pem = Zeroizing::new(text(path)?);
    AgentKey::from_pem(&pem).map_err(|error| Fault::new(format!("`{path}`: {error}")))
}

/// The private key of a root.
pub(crate) fn authority(path: &str) -> Result<Authority, Fault> {
    let pem = Zeroizing::new(text(path)?);
    Authority::from_pem(&pem).map_err(|error| Fault::new(format!("`{path}`: {error}")))
}

/// The bytes of a token: its text, a file that holds its text, or `-`.
///
/// A line end after the text is not part of it. Text that is not a token is refused like any other
/// token that is not in profile.
pub(crate) fn token(given: &str) -> Result<Result<Vec<u8>, Refusal>, Fault> {
    let path = given.contains(['/', '\\', '.'])
        || given == "-"
        || fs::metadata(given).is_ok_and(|meta| meta.is_file());
    let text = if path { text(given)? } else { given.to_owned() };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    Ok(from_text(text).map_err(|what| Refusal::new(Kind::Malformed, what)))
}

/// A token that verified: a chain, or a call made with one.
pub(crate) enum Token {
    Chain(Chain),
    Call(WireCall),
}

impl Token {
    /// Verifies the bytes as a chain or, where they carry no bare chain, as a call.
    pub(crate) fn verify(ring: &KeyRing, bytes: &[u8]) -> Result<Self, Refusal> {
        match ring.chain(bytes) {
            Ok(chain) => Ok(Self::Chain(chain)),
            Err(refusal) if refusal.kind() == Kind::NotHolder => {
                ring.wire_call(bytes).map(Self::Call)
            }
            Err(refusal) => Err(refusal),
        }
    }

    pub(crate) const fn chain(&self) -> &Chain {
        match self {
            Self::Chain(chain) => chain,
            Self::Call(call) => call.chain(),
        }
    }

    /// Whether the presenter of the token showed the key that the token names. `key` is the holder's key, if it
    /// was given.
    pub(crate) fn possession(&self, key: Option<AgentKey>) -> Result<Possession, Refusal> {
        match (self, key) {
            (Self::Call(_), _) => Ok(Possession::Call),
            (Self::Chain(_), None) => Ok(Possession::NotChecked),
            (Self::Chain(chain), Some(key)) => chain.clone().held_by(key).map(|_| Possession::Held),
        }
    }
}

/// What is known about the presenter of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Possession {
    /// No key was given.
    NotChecked,
    /// The key given is the one that the chain names.
    Held,
    /// The holder signed the call.
    Call,
}

impl Possession {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NotChecked => "not_checked",
            Self::Held => "held",
            Self::Call => "call",
        }
    }

    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NotChecked => "chain valid, possession not checked",
            Self::Held => "chain valid, held by the key given",
            Self::Call => "call valid, signed by its holder",
        }
    }
}

/// The moment given, or that of this machine's clock.
pub(crate) fn now(given: Option<Timestamp>) -> Result<Timestamp, Fault> {
    match given {
        Some(moment) => Ok(moment),
        None => SystemClock
            .now()
            .map_err(|error| Fault::new(error.to_string())),
    }
}
