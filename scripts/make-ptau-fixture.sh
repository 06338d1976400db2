#!/bin/sh
# Regenerates prover/commit/tests/fixtures/pot6.ptau with snarkjs, the program that defines the format.
# Needs node and npm. The result differs from run to run: a contribution is random.
set -eu
fixture="$(cd "$(dirname "$0")/.." && pwd)/prover/commit/tests/fixtures/pot6.ptau"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-audit --no-fund --prefix "$work" snarkjs@0.7.6
snarkjs="$work/node_modules/.bin/snarkjs"
"$snarkjs" powersoftau new bn128 6 new.ptau
"$snarkjs" powersoftau contribute new.ptau contributed.ptau --name="fixture" -e="$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')"
mkdir -p "$(dirname "$fixture")"
cp contributed.ptau "$fixture"
