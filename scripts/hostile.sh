#!/bin/sh
# A hostile coordinator against the owner's program, many times: ./scripts/hostile.sh [RUNS] [SEED]
set -eu
cd "$(dirname "$0")/.."
ZKTRAIN_HOSTILE_RUNS="${1:-5000}" ZKTRAIN_HOSTILE_SEED="${2:-1000}" \
    exec cargo test --profile ci --workspace --lib hostile_coordinator -- --nocapture
