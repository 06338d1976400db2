#!/bin/sh
# Fuzzes for so many seconds, 600 unless told otherwise, with debug assertions and checks of
# overflow in this project's own crates:
#   scripts/fuzz.sh [SECONDS [SEED]]
# SEED is where it starts; it goes on with the numbers after it. Without one it is the time, so that
# every run tries something else. A case that fails is printed with how to repeat it.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-600}
seed=${2:-$(date +%s)}
# Each test gets its share: they run one after the other.
tests="altered_proofs_have_one_verdict altered_statements_have_one_verdict
altered_keys_have_one_verdict altered_files_are_refused_or_read altered_archives_are_refused_or_read
altered_lineages_are_refused_or_audited"
share=$((seconds / 6))
echo "$0: $seconds seconds from seed $seed"
for name in $tests; do
    ZKTRAIN_FUZZ_SEED=$seed ZKTRAIN_FUZZ_SECONDS=$share \
        cargo test --profile ci --workspace --test fuzz "$name" -- --nocapture
done
