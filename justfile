# The commands of everyday work. `just` lists them; https://just.systems installs it.

_default:
    @just --list

# About two minutes: the format, clippy, and the unit tests.
check:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings
    cargo test --locked --workspace --lib

# The full run, or some of its steps: `just verify lints tests`.
verify *steps:
    .ci/run {{steps}}

# Known vulnerabilities of the dependencies. It needs the network: it fetches RustSec's database.
advisories:
    cargo deny check advisories

# The book, at http://localhost:3000.
book:
    mdbook serve docs

# Each fuzz target, for so many seconds.
fuzz seconds="60" *targets:
    integration-tests/fuzz/run {{seconds}} {{targets}}
