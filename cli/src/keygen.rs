//! `keygen`: a private key.

use bailiwick::capability::AgentKey;
use serde_json::json;

use crate::input::write_secret;
use crate::output::{Exit, Fault, Output};

/// Make a private key, for a root or for an agent.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The file for the private key (PKCS#8 in PEM, for its owner alone), which must not exist;
    /// standard output if it is left out
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
}

pub(crate) fn run(args: &Args, out: &mut Output) -> Result<Exit, Fault> {
    let key = AgentKey::generate();
    let public = key.public().to_string();
    let pem = key
        .danger_to_pem()
        .map_err(|error| Fault::new(error.to_string()))?;
    match args.out.as_deref().filter(|path| *path != "-") {
        Some(path) => {
            write_secret(path, &pem)?;
            match out.is_json() {
                true => out.object(json!({"public_key": public, "file": path}))?,
                false => out.line(&public)?,
            }
        }
        None if out.is_json() => {
            return Err(Fault::new(
                "a private key is not printed as JSON; name a file with `--out`",
            ));
        }
        None => {
            pem.lines().try_for_each(|line| out.line(line))?;
            out.note(&public);
        }
    }
    Ok(Exit::Done)
}
