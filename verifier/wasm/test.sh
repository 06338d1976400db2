#!/bin/sh
# Builds the verifier for WebAssembly and runs it under Node.
set -eu
cd "$(dirname "$0")/../.."
target=wasm32-unknown-unknown
out="${CARGO_TARGET_DIR:-target}"

if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    rustup target add "$target"
fi
# The library first, alone: what a page of one's own would be built on.
for package in zktrain-verify zktrain-verify-wasm; do
    cargo build --locked --release --quiet --target "$target" --target-dir "$out" -p "$package"
done
node verifier/wasm/test.mjs "$out/$target/release/zktrain_verify_wasm.wasm"
