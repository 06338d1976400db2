#!/bin/sh
# Builds the contracts and writes what Rust embeds, contracts/artifacts/*.json: ABI and bytecode.
#
#     sh contracts/build.sh          writes the artifacts
#     sh contracts/build.sh --check  fails if they are not what the sources give
set -eu
cd "$(dirname "$0")"
artifacts=artifacts
if [ "${1:-}" = --check ]; then
    artifacts="$(mktemp -d)"
    trap 'rm -rf "$artifacts"' EXIT
fi
# Slither reads what the compiler said about all sources at once: no build of changed files alone.
sources="$(find src bin/solc foundry.toml package-lock.json -type f |
    LC_ALL=C sort | xargs cksum)"
if [ "$sources" != "$(cat out/sources 2>/dev/null)" ]; then
    rm -rf out cache
fi
bin/forge build --build-info --skip './test/**'
printf '%s\n' "$sources" >out/sources
node bin/artifacts "$artifacts" Halo2Verifier TrainingVerifier Timelock RewardToken Parameters \
    VerifierRouter StakeManager DomainRegistry Escrow Reputation Rounds Demands Slashing
if [ "$artifacts" != artifacts ]; then
    diff -r artifacts "$artifacts" >/dev/null || {
        echo "contracts/artifacts is not what contracts/src gives: run sh contracts/build.sh" >&2
        exit 1
    }
fi
