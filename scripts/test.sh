#!/bin/sh
# Installs what the tests need besides Rust, then runs them all: formatting, lints, tests.
# The tests come last, so that their summary is the end of the output.
set -eu
cd "$(dirname "$0")/.."

# Rust comes as rustup's minimal profile in many images, without these two.
if command -v rustup >/dev/null 2>&1; then
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
fi

# The contracts first: some tests of the Rust side use what npm installs there.
sh contracts/test.sh

cargo fmt --all --check
# Everything in one profile: the release build is what users run, and half the compiling.
cargo clippy --release --workspace --all-targets -- -D warnings
# All of them even when some fail, so that one run tells everything that is broken.
cargo test --release --workspace --no-fail-fast
