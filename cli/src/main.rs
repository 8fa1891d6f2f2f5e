//! The bailiwick command line: keys, tokens, inspection and simulation.

mod attenuate;
mod input;
mod inspect;
mod keygen;
mod mint;
mod output;
mod runs;
mod simulate;
mod used;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::{Exit, Fault, Output};

/// Makes, inspects and tests capability tokens that can only get narrower.
#[derive(Parser, Debug)]
#[command(
    name = "bailiwick",
    version,
    after_help = "Exit codes: 0 allowed or done, 1 simulate found a difference, 2 error, 3 denied."
)]
struct Cli {
    /// Print one JSON object in place of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Make a private key, for a root or for an agent
    Keygen(keygen::Args),
    /// Mint a token with a root's key
    Mint(mint::Args),
    /// Show what a token allows, hop by hop
    Inspect(inspect::Args),
    /// Derive a narrower token for another holder
    Attenuate(attenuate::Args),
    /// Check whether a token allows a call, and explain a denial
    Verify(verify::Args),
    /// Show the runs that a store keeps
    Runs(runs::Args),
    /// Start a program that resumes a run
    Resume(runs::ResumeArgs),
    /// Remove runs and calls that are long over from a store
    Prune(runs::PruneArgs),
    /// Run cases of scopes and calls through real tokens
    Simulate(simulate::Args),
}

impl Command {
    const fn name(&self) -> &'static str {
        match self {
            Self::Keygen(_) => "keygen",
            Self::Mint(_) => "mint",
            Self::Inspect(_) => "inspect",
            Self::Attenuate(_) => "attenuate",
            Self::Verify(_) => "verify",
            Self::Runs(_) => "runs",
            Self::Resume(_) => "resume",
            Self::Prune(_) => "prune",
            Self::Simulate(_) => "simulate",
        }
    }

    fn run(&self, out: &mut Output) -> Result<Exit, Fault> {
        match self {
            Self::Keygen(args) => keygen::run(args, out),
            Self::Mint(args) => mint::run(args, out),
            Self::Inspect(args) => inspect::run(args, out),
            Self::Attenuate(args) => attenuate::run(args, out),
            Self::Verify(args) => verify::run(args, out),
            Self::Runs(args) => runs::run(args, out),
            Self::Resume(args) => runs::resume(args, out),
            Self::Prune(args) => runs::prune(args, out),
            Self::Simulate(args) => simulate::run(args, out),
        }
    }
}

fn main() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            let mut out = Output::new(cli.command.name(), cli.json);
            let exit = cli
                .command
                .run(&mut out)
                .or_else(|fault| out.fault(&fault).map(|()| Exit::Error));
            exit.and_then(|exit| out.flush().map(|()| exit))
                .unwrap_or_else(|fault| {
                    output::note(&format!("error: {fault}"));
                    Exit::Error
                })
        }
        Err(usage) => explain(&usage),
    };
    ExitCode::from(exit as u8)
}

/// Help on standard output; bad usage, which repeats what was given, on standard error.
fn explain(usage: &clap::Error) -> Exit {
    let text = usage.to_string();
    if usage.use_stderr() {
        text.trim_end().lines().for_each(output::note);
        return Exit::Error;
    }
    let mut out = Output::new("help", false);
    let printed = text
        .trim_end()
        .lines()
        .try_for_each(|line| out.line(line))
        .and_then(|()| out.flush());
    if printed.is_ok() {
        Exit::Done
    } else {
        Exit::Error
    }
}
