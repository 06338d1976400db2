#!/bin/sh
# Measures EZKL on training steps that `table` compares with ours.
#
#     sh scripts/peer-ezkl.sh OUT.jsonl [CONFIGURATION...]
#
# Needs python3 with venv; installs ezkl, onnx and numpy from PyPI under target/. Without
# configurations: b0 c0 d0, of which d0 takes ten minutes or more and 12 GB of memory. Lines are
# appended to OUT.jsonl; a configuration that fails leaves a line that says at which stage.
set -eu
root="$(cd "$(dirname "$0")/.." && pwd)"
case "${1:-}" in
  "" | -*) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  /*) out="$1" ;;
  *) out="$PWD/$1" ;;
esac
shift
[ $# -gt 0 ] || set -- b0 c0 d0
mkdir -p "$(dirname "$out")"
cd "$root"
work=target/peer-ezkl
python="$work/venv/bin/python"
if ! "$python" -c 'import ezkl, onnx, numpy' 2>/dev/null; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet ezkl==23.0.5 onnx numpy
fi

run() { "$python" benches/peers/ezkl/train_step.py --json "$out" --cache "$work/srs" --work "$work/runs" "$@" >/dev/null; }
# What EZKL's calibration picks by itself: outputs are not rescaled.
own="--graph float --rebase 0 --scale -1 --max-logrows 0"
automatic="--graph float --rebase 1 --max-logrows 0"
configuration() {
  case $1 in
    # EZKL's own choice; for the larger shapes the search is skipped and its outcome given.
    b0) run --shape 30-16-2 $own --runs 3 ;;
    c0) run --shape 64-32-10 $own --runs 3 ;;
    d0) run --shape 784-128-10 --graph float --rebase 10 --scale 13 --max-logrows 17 --runs 2 --timeout 1500 ;;
    # A chainable step, tuned by hand: integers, rescaled once a product.
    b) run --shape 30-16-2 --runs 3 ;;
    c) run --shape 64-32-10 --runs 3 ;;
    d) run --shape 784-128-10 --max-logrows 17 --runs 1 --timeout 1500 ;; # over 20 GB
    # EZKL's automatic rescaling: chainable, not tuned.
    b1) run --shape 30-16-2 $automatic --runs 1 ;;
    c1) run --shape 64-32-10 $automatic --runs 1 ;;
    *) echo "unknown configuration $1: one of b0 c0 d0 b c d b1 c1" >&2; exit 2 ;;
  esac
}
for name in "$@"; do
  echo "=== $name, load $(cut -d' ' -f1 /proc/loadavg)" >&2
  configuration "$name" || echo "$name did not finish; see the last line of $out" >&2
done
