#!/bin/sh
# Tests the reference verifier on the committed fixtures. What it imports is installed under
# target/, not in the checkout.
set -eu
cd "$(dirname "$0")"
root="$(cd ../.. && pwd)"
tools="${CARGO_TARGET_DIR:-$root/target}/reference-verifier"

# Another list of packages is another environment; one that is half made is made again.
if ! cmp -s requirements.txt "$tools/installed"; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt "$tools/installed"
fi
export PYTHONDONTWRITEBYTECODE=1
# Both at once; the shell's exit code is that of the first that fails.
"$tools/bin/python" -m unittest --quiet test_parts test_step test_witness test_pools \
    test_pool_manifests test_graphs test_activations test_norms test_norm_constraints \
    test_row_norms test_row_constraints &
parts=$!
"$tools/bin/python" -m unittest --quiet test_reference test_circuit test_depthwise \
    test_adam test_adam_constraints test_attention test_attention_constraints \
    test_weights test_weight_constraints test_small_decays
wait "$parts"
echo "reference verifier: ok"
