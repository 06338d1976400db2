#!/bin/sh
# That this is for ARM's processors as well.
#   scripts/aarch64.sh            that what proves and verifies compiles for it, with a C compiler from Debian
#   scripts/aarch64.sh program    builds the whole program, and runs what verifies and proves under qemu
set -eu
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-gnu
out="${CARGO_TARGET_DIR:-target}"

if ! [ -d "$(rustc --print target-libdir --target "$target")" ]; then
    rustup target add "$target"
fi
case ${1:-} in
"" | program) ;;
*)
    echo "$0: $1 is not program" >&2
    exit 2
    ;;
esac

need() {
    command -v "$1" >/dev/null 2>&1 && return
    shift
    apt-get update -qq
    apt-get install -qq --yes --no-install-recommends "$@"
}
need aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
if [ "$#" -eq 0 ]; then
    exec cargo check --locked --quiet --target "$target" --target-dir "$out" -p zktrain -p zktrain-verify-cli
fi
need qemu-aarch64-static qemu-user-static
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64-static -L /usr/aarch64-linux-gnu"
cargo build --locked --release --target "$target" --target-dir "$out" -p zktrain-cli
# The kernels against plain arithmetic, and the way from rows to a verified chain.
cargo test --locked --release --target "$target" --target-dir "$out" -p zktrain-msm --lib
cargo test --locked --release --target "$target" --target-dir "$out" -p zktrain --test front_door
