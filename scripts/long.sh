#!/bin/sh
# What takes too long for every change: before a release, and after changes of payments, rounds or contracts.
#   scripts/long.sh [rounds] [invariants] [hostile] [aarch64]        all four without a name
# rounds      a network of processes on a chain: after the four rounds of a demonstration, with its dropout
#             and its fraud, four trainers work in ZKTRAIN_LONG_ROUNDS (20) rounds more, and each is paid as
#             often; some ten minutes
# invariants  the contracts' invariants, with FOUNDRY_INVARIANT_RUNS (10,000) sequences of actions, or as
#             many as a test says itself; some minutes
# hostile     ZKTRAIN_HOSTILE_RUNS (5,000) hostile coordinators against the owner's program; the longest
# aarch64     the whole program for ARM's processors, and what proves and verifies under qemu; needs Debian's
#             packages, and installs them
set -eu
cd "$(dirname "$0")/.."

rounds() {
    # In one profile with all other tests, so that nothing is built twice.
    cargo test --profile ci --workspace --test cli \
        network_trouble::who_trains_in_twenty_rounds_is_paid_twenty_times -- --ignored --exact --nocapture
}

invariants() {
    if [ ! -x contracts/node_modules/.bin/forge ]; then
        echo "$0: forge is not there: sh contracts/test.sh installs it" >&2
        exit 1
    fi
    (cd contracts && FOUNDRY_PROFILE=test FOUNDRY_INVARIANT_RUNS="${FOUNDRY_INVARIANT_RUNS:-10000}" \
        bin/forge test --match-path 'test/invariants/*')
}

hostile() {
    sh scripts/hostile.sh "${ZKTRAIN_HOSTILE_RUNS:-5000}"
}

aarch64() {
    sh scripts/aarch64.sh program
}

[ "$#" -gt 0 ] || set -- rounds invariants hostile aarch64
for part in "$@"; do
    case $part in
    rounds | invariants | hostile | aarch64) ;;
    *)
        echo "$0: $part is none of rounds, invariants, hostile, aarch64" >&2
        exit 2
        ;;
    esac
done
for part in "$@"; do
    echo "$0: $part"
    "$part"
done
echo "$0: ok"
