//! The same tool, argument and chains beside the crate `tenuo`.
//!
//! `cargo bench -p bailiwick-integration-tests --features peers --bench peers`

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark")]

mod ours;
#[path = "../../../sdk/benches/common/paired.rs"]
mod paired;
#[path = "../../../sdk/benches/common/table.rs"]
#[allow(dead_code, reason = "each benchmark uses its part")]
mod table;
mod theirs;

use criterion::Criterion;
use table::{median, time};

/// How many signed blocks, or warrants, a chain has.
const BLOCKS: [u32; 4] = [1, 2, 4, 8];
/// The one tool of all chains, and the directory that each link grants.
const TOOL: &str = "read_file";
const DIRECTORY: &str = "/srv/files";
const PATH: &str = "/srv/files/docs/report.md";

fn sizes() {
    table::head(&["blocks", "chain", "tenuo", "request", "tenuo"]);
    for blocks in BLOCKS {
        let (chain, request) = ours::sizes(blocks);
        let (their_chain, their_request) = theirs::sizes(blocks);
        let all = [chain, their_chain, request, their_request];
        table::row(
            [blocks.to_string()]
                .into_iter()
                .chain(all.map(|n| n.to_string())),
        );
    }
}

/// What both verify signatures for, measured in turns.
fn in_turns() {
    table::head(&[
        "blocks",
        "a cold chain, tenuo / here",
        "a request, all cold, tenuo / here",
    ]);
    for blocks in BLOCKS {
        let cold = ours::cold_beside(blocks, theirs::cold(blocks));
        let wire = ours::wire_beside(blocks, theirs::wire_cold(blocks));
        table::row([
            blocks.to_string(),
            format!("{cold:.2}"),
            format!("{wire:.2}"),
        ]);
    }
}

fn report() {
    let names = [
        ("warm", "their_check"),
        ("whole", "their_check"),
        ("held", "their_guard"),
        ("bytes_cached", "their_bytes"),
        ("wire_cached", "their_bytes"),
        ("chain_cold", "their_chain_cold"),
        ("wire_cold", "their_bytes"),
        ("delegate", "their_delegate"),
    ];
    table::head(&["blocks", "what", "here", "beside", "tenuo", "tenuo / here"]);
    for blocks in BLOCKS {
        for (name, other) in names {
            let of = |id| median("peers", &blocks.to_string(), id);
            if let (Some(here), Some(there)) = (of(name), of(other)) {
                let ratio = format!("{:.2}", there / here);
                let cells = [
                    name.to_owned(),
                    time(here),
                    other.to_owned(),
                    time(there),
                    ratio,
                ];
                table::row([blocks.to_string()].into_iter().chain(cells));
            }
        }
    }
}

fn main() {
    let mut criterion: Criterion = table::criterion("peers");
    for blocks in BLOCKS {
        let mut group = criterion.benchmark_group(blocks.to_string());
        ours::measure(&mut group, blocks);
        theirs::measure(&mut group, blocks);
        group.finish();
    }
    criterion.final_summary();
    in_turns();
    report();
    sizes();
}
