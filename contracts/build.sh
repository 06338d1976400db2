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
node_modules/.bin/forge build --build-info --skip './test/**'
node bin/artifacts "$artifacts" TrainingVerifier Halo2Verifier
if [ "$artifacts" != artifacts ]; then
    diff -r artifacts "$artifacts" >/dev/null || {
        echo "contracts/artifacts is not what contracts/src gives: run sh contracts/build.sh" >&2
        exit 1
    }
fi
