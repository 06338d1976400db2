#!/bin/sh
# Checks that every test that docs/redteam.md names exists: `FILE::NAME` in backquotes.
set -eu
cd "$(dirname "$0")/.."
names=$(grep -o '`[A-Za-z0-9_/.-]*\.\(rs\|sol\|py\)::[A-Za-z0-9_]*`' docs/redteam.md | tr -d '`' | sort -u)
[ -n "$names" ] || { echo "$0: docs/redteam.md names no tests" >&2; exit 1; }
missing=0
for name in $names; do
    file=${name%%::*}
    test=${name##*::}
    if [ ! -f "$file" ] || ! grep -Eq "(fn|function|def) $test\(" "$file"; then
        echo "docs/redteam.md names $name, which does not exist" >&2
        missing=1
    fi
done
[ "$missing" -eq 0 ] || exit 1
echo "docs/redteam.md: $(printf '%s\n' "$names" | wc -l) tests, all there"
