#!/bin/sh
# Installs what the tests need besides Rust, then runs them all: formatting, lints, tests.
set -eu
cd "$(dirname "$0")/.."

# Rust comes as rustup's minimal profile in many images, without these two.
if command -v rustup >/dev/null 2>&1; then
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
fi

# The coordinator's store is tested on PostgreSQL too: on a server that is gone when this script
# is, unless another one is named.
cluster=
finish() {
    [ -z "$cluster" ] || coordinator/bin/postgres stop "$cluster" || true
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -z "${ZKTRAIN_POSTGRES:-}" ]; then
    started=$(coordinator/bin/postgres) || {
        echo "$0: there is no PostgreSQL for the store's tests: what is wrong is said above." >&2
        echo "Or name a server, with a user who may create databases:" >&2
        echo "  ZKTRAIN_POSTGRES=postgres://USER:PASSWORD@HOST:PORT/postgres $0" >&2
        exit 1
    }
    cluster=$(printf '%s\n' "$started" | tail -n 1)
    ZKTRAIN_POSTGRES=$(printf '%s\n' "$started" | head -n 1)
    export ZKTRAIN_POSTGRES
fi

# The contracts first: some tests of the Rust side use what npm installs there.
sh contracts/test.sh

# The verifier that was written from the documents alone.
sh verifier/reference/test.sh

sh scripts/redteam.sh
cargo fmt --all --check
# Everything in one profile: the release build is what users run, and half the compiling.
cargo clippy --release --workspace --all-targets -- -D warnings
# All of them even when some fail, so that one run tells everything that is broken. This project's own
# crates assert what they assume and check for overflow; what they are built on is as users have it.
cargo --config scripts/assertions.toml test --release --workspace --no-fail-fast
# With what was built just now, beyond the committed seeds; the same cases each time.
sh scripts/fuzz.sh 60 1000
