#!/bin/sh
# Tests the contracts: artifacts against sources, sizes, formatting, forge's tests, the gas
# snapshot, coverage, symbolic checks, slither. Installs what is missing: node, npm and python from Debian,
# the compilers from npm, halmos and slither from PyPI under target/.
#
#     sh contracts/test.sh          nothing but installing, where these very files have passed before
#     sh contracts/test.sh --again  whether they have or not
set -eu
cd "$(dirname "$0")"
root="$(cd .. && pwd)"
tools="${CARGO_TARGET_DIR:-$root/target}/contract-tools"

need() {
    command -v "$1" >/dev/null 2>&1 && return
    if [ ! -e /tmp/zktrain-apt-updated ]; then
        apt-get update -qq
        touch /tmp/zktrain-apt-updated
    fi
    apt-get install -y -qq --no-install-recommends "$2"
}
need node nodejs
need npm npm
need python3 python3
python3 -c 'import ensurepip' 2>/dev/null || need python3-venv python3-venv

# Not `npm ci`: forge names packages for other platforms that some registries lack.
if ! cmp -s package-lock.json node_modules/.installed-lock; then
    npm install --ignore-scripts --no-audit --no-fund --no-save --silent
    cp package-lock.json node_modules/.installed-lock
fi
forge=bin/forge
# What fails has to be seen to fail.
if "$forge" inspect NoSuchContract abi >/dev/null 2>&1; then
    echo "contracts: forge's status is lost: no test would fail" >&2
    exit 1
fi

# All of it is fixed by these files, samples too, which are drawn from a seed among them. So what has
# passed would pass again.
checked="$( (find src test bin artifacts -type f
    ls build.sh test.sh foundry.toml package.json package-lock.json slither.config.json .gas-snapshot) |
    LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c 1-64)-${FOUNDRY_INVARIANT_RUNS:-}"
passed="$tools/passed"
if [ "${1:-}" != --again ] && [ -e "$passed/$checked" ]; then
    echo "contracts: ok: these files have passed before (sh contracts/test.sh --again runs everything)"
    exit 0
fi

sh build.sh --check
node bin/sizes
"$forge" fmt --check src test

FOUNDRY_INVARIANT_RUNS="${FOUNDRY_INVARIANT_RUNS:-10000}" FOUNDRY_PROFILE=test "$forge" test
# The same tests whose names say gas; fuzzed ones never are.
FOUNDRY_PROFILE=test "$forge" snapshot --match-contract GasTest --check .gas-snapshot

node bin/coverage

# For all inputs, not for samples.
halmos="$tools/halmos"
if [ ! -x "$halmos/bin/halmos" ] || ! "$halmos/bin/python" -c 'import cvc5' 2>/dev/null; then
    python3 -m venv "$halmos"
    "$halmos/bin/pip" install --quiet --disable-pip-version-check halmos==0.3.3 cvc5==1.4.2
fi
bin/symbolic "$halmos"

slither="$tools/slither/bin/slither"
if [ ! -x "$slither" ]; then
    python3 -m venv "$tools/slither"
    "$tools/slither/bin/pip" install --quiet --disable-pip-version-check slither-analyzer==0.11.6
fi
PATH="$PWD/bin:$PWD/node_modules/.bin:$PATH" "$slither" . --config-file slither.config.json
mkdir -p "$passed"
: >"$passed/$checked"
echo "contracts: ok"
