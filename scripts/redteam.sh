#!/bin/sh
# Checks docs/redteam.md: that every test it names (`FILE::NAME` in backquotes) is there, is a test
# that runs, and that a finding is held by one, unless it says **Open.**
set -eu
cd "$(dirname "$0")/.."
page=${1:-docs/redteam.md}

# Whether a Rust file has this test: a function with #[test] or #[tokio::test] among the attributes
# and comments just above it, and without #[ignore].
is_rust_test() {
    awk -v name="$2" '
        function reset() { test = 0; ignored = 0; open = 0 }
        open { if (/\]$/) open = 0; next }
        /^[ \t]*#\[(tokio::)?test[](]/ { test = 1 }
        /^[ \t]*#\[(ignore|cfg_attr\(.*ignore)/ { ignored = 1 }
        /^[ \t]*#\[/ { if (!/\]$/) open = 1; next }
        /^[ \t]*\/\// { next }
        index($0, "fn " name "(") { if (test && !ignored) found = 1 }
        { reset() }
        END { exit !found }
    ' "$1"
}

# Foundry runs functions, and unittest methods, whose names say so.
is_test() {
    case $1 in
    *.rs) is_rust_test "$1" "$2" ;;
    *.sol) case $2 in test* | invariant*) grep -Eq "function $2\(" "$1" ;; *) false ;; esac ;;
    *.py) case $2 in test*) grep -Eq "def $2\(" "$1" ;; *) false ;; esac ;;
    esac
}

wrong=0
names=$(grep -o '`[A-Za-z0-9_/.-]*\.\(rs\|sol\|py\)::[A-Za-z0-9_]*`' "$page" | tr -d '`' | sort -u)
[ -n "$names" ] || { echo "$0: $page names no tests" >&2; exit 1; }
for name in $names; do
    file=${name%%::*}
    if [ ! -f "$file" ] || ! is_test "$file" "${name##*::}"; then
        echo "$page names $name, which is no test that runs" >&2
        wrong=1
    fi
done

# Rows of findings have four cells: finding, severity, what closed it, held by.
unheld=$(awk -F'|' 'NF == 6 && !/^\|[-|]*$/ {
    if ($5 ~ /^ *$/ && $4 !~ /^ \*\*Open\.\*\*/) print $2
}' "$page")
if [ -n "$unheld" ]; then
    printf 'neither held by anything nor **Open.**:\n%s\n' "$unheld" >&2
    wrong=1
fi
[ "$wrong" -eq 0 ] || exit 1
open=$(grep -c '^|.*| \*\*Open\.\*\*' "$page" || true)
echo "$page: $(printf '%s\n' "$names" | wc -l) tests, all there; $open findings are open"
