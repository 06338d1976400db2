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
times=
stage=
finish() {
    printf '%s' "$times"
    [ -z "$stage" ] || echo "$0: $stage: failed" >&2
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

# How long each part takes is told at the end, however that comes.
stage() {
    stage=$1
    shift
    echo "== $stage"
    began=$(date +%s)
    "$@"
    times="$times$(printf '%6s s  %s' "$(($(date +%s) - began))" "$stage")
"
    stage=
}

# The contracts first: some tests of the Rust side use what npm installs there.
stage "contracts" sh contracts/test.sh
# The verifier that was written from the documents alone.
stage "reference verifier" sh verifier/reference/test.sh
# The verifier alone, without threads, files or randomness, under Node.
stage "verifier in WebAssembly" sh verifier/wasm/test.sh
# That pages link to what is there, and figures are what they should be.
stage "pages" python3 scripts/pages.py
stage "findings" sh scripts/redteam.sh
stage "supply" sh scripts/supply.sh
stage "formatting" cargo fmt --all --check
# Everything in one profile, which Cargo.toml explains: what is compiled once serves all.
stage "lints" cargo clippy --profile ci --workspace --all-targets -- -D warnings
stage "documentation" env RUSTDOCFLAGS="-D warnings" \
    cargo doc --profile ci --workspace --no-deps --quiet
stage "compiling" cargo test --profile ci --workspace --no-run
# All of them even when some fail, so that one run tells everything that is broken.
stage "tests" scripts/tests.py --workspace
# The examples in comments, one program a crate.
stage "examples in documentation" cargo test --profile ci --workspace --doc
# With what was built just now, beyond the committed seeds; the same cases each time.
stage "fuzzing" sh scripts/fuzz.sh 60 1000
