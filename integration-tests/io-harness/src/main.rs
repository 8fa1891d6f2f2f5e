//! The tree of the scale benchmark (`benches/scale/tree.rs`) in the crate `io-harness`: a model asks for
//! all of its helpers in one turn, and each makes one call.
//!
//! `beside COUNT memory|file [DIRECTORY]` prints the nanoseconds that a helper takes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use io_harness::provider::{CompletionRequest, CompletionResponse, ToolCall, Usage};
use io_harness::tools::{Tool, ToolFuture, Toolbox};
use io_harness::{
    ApproveAll, Containment, Policy, Provider, RunOutcome, Store, TaskContract, ToolSpec, run_tree,
};
use serde_json::{Value, json};

/// What only the first agent's task has in it.
const FIRST: &str = "HAVE-ALL-OF-IT-NOTED";

/// The one tool, with the body of the other side's.
struct Note(Arc<AtomicUsize>);

impl Tool for Note {
    fn spec(&self) -> ToolSpec {
        ToolSpec {
            name: "note".into(),
            description: String::new(),
            parameters: json!({ "type": "object" }),
        }
    }

    fn invoke<'a>(&'a self, arguments: &'a Value) -> ToolFuture<'a> {
        Box::pin(async move {
            self.0.fetch_add(1, Ordering::Relaxed);
            let text = arguments.get("text").and_then(Value::as_str);
            Ok(text.unwrap_or_default().len().to_string())
        })
    }
}

/// The first agent asks for its helpers and then answers; a helper makes its call, and ends with it,
/// since what is asked of it to show is there.
struct Script {
    count: usize,
    turns: AtomicUsize,
}

impl Provider for Script {
    async fn complete(&self, request: CompletionRequest) -> io_harness::Result<CompletionResponse> {
        let usage = Some(Usage {
            total_tokens: 0,
            ..Default::default()
        });
        if !request.user.contains(FIRST) {
            let arguments = json!({ "text": "what a child was asked to note" });
            return Ok(CompletionResponse {
                tool_calls: vec![ToolCall {
                    name: "note".into(),
                    arguments,
                }],
                usage,
                ..Default::default()
            });
        }
        if self.turns.fetch_add(1, Ordering::Relaxed) > 0 {
            return Ok(CompletionResponse {
                text: Some("all noted".into()),
                usage,
                ..Default::default()
            });
        }
        let helper = |number: usize| ToolCall {
            name: "spawn_agent".into(),
            arguments: json!({
                "goal": format!("note {number}"),
                "verify_file": "shown.txt",
                "verify_contains": "shown",
                "max_steps": 2,
            }),
        };
        Ok(CompletionResponse {
            tool_calls: (0..self.count).map(helper).collect(),
            usage,
            ..Default::default()
        })
    }
}

async fn tree(count: usize, in_file: bool, on: Option<PathBuf>) -> io_harness::Result<f64> {
    let place = match on {
        Some(on) => tempfile::tempdir_in(on),
        None => tempfile::tempdir(),
    }?;
    let work = place.path().join("work");
    std::fs::create_dir(&work)?;
    std::fs::write(work.join("shown.txt"), "shown")?;
    let noted = Arc::new(AtomicUsize::new(0));
    let contract =
        TaskContract::workspace(FIRST, &work).with_tools(Toolbox::new().with(Note(noted.clone())));
    let policy = Policy::default()
        .layer("bench")
        .allow_read("*")
        .allow_exec("note");
    let all = u32::try_from(count).unwrap_or(u32::MAX - 1);
    // Room for all of them at once, as on the other side.
    let containment = Containment::new(all + 1, all + 1, 1, 1 << 40);
    let store = match in_file {
        true => Store::open(place.path().join("runs.db"))?,
        false => Store::memory()?,
    };
    let provider = Script {
        count,
        turns: AtomicUsize::new(0),
    };
    let begun = Instant::now();
    let result = run_tree(
        &contract,
        &provider,
        &store,
        &policy,
        &ApproveAll,
        &containment,
    )
    .await?;
    let spent = begun.elapsed();
    assert!(
        matches!(
            result.outcome,
            RunOutcome::Success { .. } | RunOutcome::Finished { .. }
        ),
        "{:?}",
        result.outcome
    );
    assert_eq!(noted.load(Ordering::Relaxed), count);
    assert_eq!(store.children(result.run_id)?.len(), count);
    Ok(spent.as_secs_f64() * 1e9 / count as f64)
}

fn main() -> io_harness::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().and_then(|count| count.parse().ok());
    let (Some(count), Some(kept)) = (count, arguments.next()) else {
        eprintln!("beside COUNT memory|file [DIRECTORY]");
        std::process::exit(2);
    };
    let on = arguments.next().map(PathBuf::from);
    let runtime = tokio::runtime::Runtime::new()?;
    let each = runtime.block_on(tree(count, kept == "file", on))?;
    println!("{each:.0}");
    Ok(())
}
