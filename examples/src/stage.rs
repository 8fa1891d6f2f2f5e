//! Runs an example: reads its arguments, shows its agents at work, and stops them at Ctrl-C.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bailiwick::Orchestrator;
use bailiwick::text::printable;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::args::{self, Args, Asked};
use crate::screen::{Screen, Told};

/// What went wrong, in an example.
pub type Fault = Box<dyn Error>;

/// The status that shells use for a program that was stopped by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// The run was ended by Ctrl-C.
#[derive(Debug)]
pub struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; every agent has ended and its token is revoked")
    }
}

impl Error for Interrupted {}

/// Plays an example with the arguments of the program. The exit code says whether all went as it should.
pub async fn play(
    name: &str,
    path: Option<&str>,
    example: impl AsyncFnOnce(Args) -> Result<bool, Fault>,
) -> ExitCode {
    let given = std::env::args().skip(1);
    let args = match args::parse(given, path.is_some()) {
        Ok(Asked::Run(args)) => args,
        Ok(Asked::Help) => {
            print!("{}", args::usage(name, path));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{name}: {}", printable(&error));
            return ExitCode::from(2);
        }
    };
    match example(args).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {}", printable(&error.to_string()));
            if error.is::<Interrupted>() {
                ExitCode::from(INTERRUPTED)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// Shows what the agents do while `work` goes on, all of it, and cancels them at Ctrl-C. A second one
/// ends the program at once.
///
/// # Errors
///
/// That of `work`, or [`Interrupted`] when it was.
pub async fn watch<T>(
    orchestrator: &Orchestrator,
    screen: Screen,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<(T, Screen), Fault> {
    let (tell, told) = unbounded_channel();
    let interrupted = Arc::new(AtomicBool::new(false));
    let drawing = tokio::spawn(screen.watch(orchestrator.events().watch(), told));
    let (over, is_over) = oneshot::channel();
    tokio::spawn(listen(
        orchestrator.clone(),
        interrupts()?,
        interrupted.clone(),
        tell.clone(),
        is_over,
    ));
    let done = work.await;
    // What was counted of the denials of the last second is not recorded yet.
    let flushed = orchestrator.guard().flush().await;
    // All agents have ended with it, so what the screen has not seen yet is in the stream.
    let _ = tell.send(Told::Over);
    let screen = drawing.await?;
    let _ = over.send(());
    if interrupted.load(Ordering::Acquire) {
        return Err(Interrupted.into());
    }
    let done = done?;
    flushed?;
    Ok((done, screen))
}

#[cfg(unix)]
type Interrupts = tokio::signal::unix::Signal;
#[cfg(windows)]
type Interrupts = tokio::signal::windows::CtrlC;

/// Ctrl-C, one after another: none between two is missed.
fn interrupts() -> std::io::Result<Interrupts> {
    #[cfg(unix)]
    return tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    #[cfg(windows)]
    return tokio::signal::windows::ctrl_c();
}

/// On a task of its own, since the work may be busy.
async fn listen(
    orchestrator: Orchestrator,
    mut interrupts: Interrupts,
    interrupted: Arc<AtomicBool>,
    tell: UnboundedSender<Told>,
    over: oneshot::Receiver<()>,
) {
    tokio::select! {
        _ = interrupts.recv() => {
            interrupted.store(true, Ordering::Release);
            // Said first: the work may be over as soon as they are cancelled.
            let note = "Ctrl-C: the agents are cancelled. Once more ends the program at once.";
            let _ = tell.send(Told::Note(note));
            orchestrator.cancel();
        }
        // No agent is left to cancel, and the signal no longer ends the program by itself.
        _ = over => {}
    }
    interrupts.recv().await;
    std::process::exit(i32::from(INTERRUPTED));
}
