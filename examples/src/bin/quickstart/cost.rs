//! What verification costs, measured on this machine in this run.

use std::error::Error;
use std::fmt;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bailiwick::capability::{Call, KeyRing};
use bailiwick::guard::{Context, Presented};
use bailiwick::{Agent, Effect, Orchestrator, Risk};

const CHECKS: u32 = 20_000;
const READINGS: u32 = 200;

/// The two prices of a call: of each one, and of the first with a token that comes as bytes.
pub(crate) struct Cost {
    check: Duration,
    verify: Duration,
    blocks: usize,
    bytes: usize,
}

/// Checks one call of `writer` many times over, and verifies its token from bytes without a cache.
pub(crate) fn measure(orchestrator: &Orchestrator, writer: &Agent) -> Result<Cost, Box<dyn Error>> {
    let (guard, held) = (orchestrator.guard(), writer.held());
    let call = Call::parse(
        "fs.write",
        r#"{"path":"/srv/files/out/summary.md","text":"…"}"#,
    )?;
    let context = Context::new(writer.path(), Effect::Write, Risk::Medium, guard.now()?);
    let start = Instant::now();
    for _ in 0..CHECKS {
        guard.check(
            black_box(Presented::Held(&held)),
            black_box(&call),
            &context,
        )?;
    }
    let check = start.elapsed() / CHECKS;
    let bytes = held.chain().to_bytes();
    let roots = guard.ring().roots();
    // A ring remembers what it verified, so each reading has a ring of its own.
    let rings: Vec<KeyRing> = (0..READINGS)
        .map(|_| KeyRing::new(roots.iter().copied()))
        .collect();
    let start = Instant::now();
    for ring in &rings {
        black_box(ring.chain(black_box(&bytes))?);
    }
    let verify = start.elapsed() / READINGS;
    Ok(Cost {
        check,
        verify,
        blocks: held.chain().hops().count(),
        bytes: bytes.len(),
    })
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check,
            verify,
            blocks,
            bytes,
        } = self;
        let (check, verify) = (check.as_nanos(), verify.as_micros());
        write!(
            f,
            "a check {check} ns · a token of {blocks} blocks, {bytes} bytes, verified cold {verify} µs"
        )?;
        if cfg!(debug_assertions) {
            f.write_str(" (debug build)")
        } else {
            Ok(())
        }
    }
}
