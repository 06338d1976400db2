#!/bin/sh
# That this is for ARM's processors as well.
#   scripts/aarch64.sh            what proves and verifies compiles for it: nothing but Rust
#   scripts/aarch64.sh program    builds the whole program, with a linker from Debian, and runs what verifies
#                                 and proves under qemu: some minutes
set -eu
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
out="${CARGO_TARGET_DIR:-target}"

if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    rustup target add "$target"
fi
case ${1:-} in
"") exec cargo check --locked --quiet --target "$target" --target-dir "$out" -p zktrain -p zktrain-verify-cli ;;
program) ;;
*)
    echo "$0: $1 is not program" >&2
    exit 2
    ;;
esac

for tool in aarch64-linux-gnu-gcc qemu-aarch64-static; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        apt-get update -qq
        apt-get install -qq --yes --no-install-recommends \
            gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static
        break
    fi
done
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
cargo build --locked --release --target "$target" --target-dir "$out" -p zktrain-cli
# The kernels against plain arithmetic, and the way from rows to a verified chain.
cargo test --locked --release --target "$target" --target-dir "$out" -p zktrain-msm --lib
cargo test --locked --release --target "$target" --target-dir "$out" -p zktrain --test front_door
