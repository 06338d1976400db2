#!/bin/sh
# What users did to the program, after public reports about others, and what it has to say: a clear
# message or a success each. Inputs are made here, in a temporary folder.
#
#   ZK=target/release/zktrain sh tests/redteam.sh
#
# Besides the program it needs no more than POSIX tools, gzip, and npm's snarkjs: the one that
# scripts/test.sh installs in contracts/, or another, SNARKJS=FILE.
#
# Ends at the first line that does not hold. tests/cli/redteam.rs runs it; docs/redteam.md says what
# the findings are.
set -eu
ZK=${ZK:-zktrain}
# A program's path, wherever the folder is then.
whole() {
    case $1 in */*) echo "$(cd "$(dirname "$1")" && pwd)/$(basename "$1")" ;; *) echo "$1" ;; esac
}
ZK=$(whole "$ZK")
tests=$(cd "$(dirname "$0")" && pwd)
inputs=$tests/redteam_inputs
SNARKJS=$(whole "${SNARKJS:-$tests/../contracts/node_modules/.bin/snarkjs}")
command -v "$SNARKJS" >/dev/null || {
    echo "$0: there is no $SNARKJS: run \`npm install --ignore-scripts\` in contracts/" >&2
    exit 1
}
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$here"
# Nothing of the user's: chains, keys and caches are this folder's.
for name in $(env | sed -n 's/^\(ZKTRAIN_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
export ZKTRAIN_CACHE="$here/cache" ZKTRAIN_CHAIN=embedded:chain/c.redb ZKTRAIN_OUTBOX=chain/outbox
export ZKTRAIN_PASSWORD='a right password' NO_COLOR=1

fail() {
    echo "$0: NOT HELD: $1" >&2
    sed 's/^/    /' said >&2
    exit 1
}

# Runs the program; what it says goes to the file `said`, its code to $code.
run() {
    code=0
    "$ZK" "$@" >said 2>&1 </dev/null || code=$?
    case $code in 0 | 1 | 2 | 3) ;; *) fail "$* ended with $code" ;; esac
    if grep -q panicked said; then fail "$* panicked"; fi
}

# ok ARGUMENTS: succeeds.
ok() {
    run "$@"
    [ "$code" -eq 0 ] || fail "$* should succeed"
}

# refused PATTERN ARGUMENTS: fails, and says it; what is meant for programmers is not said.
refused() {
    pattern=$1
    shift
    run "$@"
    [ "$code" -ne 0 ] || fail "$* should fail"
    says "$pattern" "$*"
}

# says PATTERN WHAT: the last command said it.
says() {
    grep -Eiq -- "$1" said || fail "$2 should say: $1"
}

# answered PATTERN ARGUMENTS: succeeds, or says it.
answered() {
    pattern=$1
    shift
    run "$@"
    [ "$code" -eq 0 ] || says "$pattern" "$*"
}

# silent PATTERN WHAT: it did not.
silent() {
    if grep -Eiq -- "$1" said; then fail "$2 should not say: $1"; fi
}

# snarkjs ARGUMENTS: succeeds; what it says goes to the file `said`.
snarkjs() {
    "$SNARKJS" "$@" >said 2>&1 </dev/null || fail "snarkjs $*"
}

# Sums of all files of a folder but its lock.
sums() {
    find "$1" -type f ! -name lock -exec cksum {} + | sort
}

# unchanged FOLDER ARGUMENTS: the command fails and leaves every file as it was.
unchanged() {
    folder=$1
    shift
    sums "$folder" >before
    run "$@"
    [ "$code" -ne 0 ] || fail "$* should fail"
    sums "$folder" >after
    cmp -s before after || fail "$* changed files of $folder"
}

# Rows of three numbers and a label, the same each time.
rows() {
    awk -v count="$1" 'BEGIN {
        print "salary,hours,visits,outcome"
        state = 20261
        for (i = 0; i < count; i++) {
            for (j = 0; j < 3; j++) { state = (state * 1103 + 12345) % 65536; x[j] = state / 16384 - 2 }
            printf "%.3f,%.3f,%.3f,%s\n", x[0], x[1], x[2], (x[0] + x[1] > x[2] ? "yes" : "no")
        }
    }'
}

# project DIRECTORY FILE [OPTIONS]: a small one.
project() {
    directory=$1 file=$2
    shift 2
    ok init "$directory" --data "$file" --label outcome --calibrate-on plain.csv --hidden 4 \
        --batch 4 --steps-per-proof 2 --srs srs.bin "$@"
}

rows 48 >plain.csv
ok srs generate --power 14 --out srs.bin

# U1: a registration is replaced when the new one is there, not before.
cp plain.csv mine.csv
project u1 mine.csv
ok data commit u1 --plain
ok train u1
ok prove u1 --compress none --proofs 1
for broken in '10s/,.*,/,oops,/' '2,$d' '1s/salary/wages/'; do
    sed "$broken" plain.csv >mine.csv
    unchanged u1 data commit u1 --plain --force
done
rm mine.csv
unchanged u1 data commit u1 --plain --force
cp plain.csv mine.csv
refused 'force' data commit u1 --plain
silent 'delete' 'a second data commit'

# U2: columns that the manifest does not name are nobody's business.
awk -F, -v OFS=, 'NR == 1 { print "badge", $0, "remark"; next }
    { print "P-" NR, $0, "\"seen on a Monday,\nand well\"" }' plain.csv >wide.csv
project u2 plain.csv
sed -i.old 's/plain\.csv/wide.csv/' u2/local.toml
ok data commit u2 --plain

# U3: a right password is never called wrong.
ok chain key new key.json
ok chain key new other.json
address=$("$ZK" --json chain key address other.json | sed 's/.*"address":"\(0x[0-9a-fA-F]*\)".*/\1/')
ok chain deploy --key key.json
variant() {
    sed "$2" key.json >"$1.json"
    if cmp -s key.json "$1.json"; then fail "no variant $1 was made"; fi
}
variant no-id 's/"id":"[^"]*",//'
variant other-id 's/"id":"[^"]*"/"id":"the blue one"/'
variant number-id 's/"id":"[^"]*"/"id":17/'
variant capital 's/"crypto"/"Crypto"/'
for name in no-id other-id number-id capital; do
    ok chain key address "$name.json"
    ok chain transfer "$address" 1 --key "$name.json"
done
variant brownie 's/"n":[0-9]*/"n":262144/; s/"p":[0-9]*/"p":8/; s/"r":[0-9]*/"r":1/'
variant kdf 's/"kdf":"scrypt"/"kdf":"bcrypt"/'
variant salt 's/"salt":"../"salt":"zz/'
variant cipher 's/aes-128-ctr/aes-256-gcm/'
for name in brownie kdf salt cipher; do
    refused 'chain key import' chain transfer "$address" 1 --key "$name.json"
    silent 'wrong password|malformed' "$name.json"
done
variant validator 's/"version":3/"version":4/'
refused 'EIP-2335' chain transfer "$address" 1 --key validator.json
(
    export ZKTRAIN_PASSWORD='a wrong one'
    refused 'wrong password' chain transfer "$address" 1 --key key.json
) || exit 1
printf '\357\273\277%s\r\nmore\n' "$ZKTRAIN_PASSWORD" >password.txt
mkfifo pipe
printf '%s\n' "$ZKTRAIN_PASSWORD" >pipe &
writer=$!
(
    unset ZKTRAIN_PASSWORD
    ok chain transfer "$address" 1 --key key.json --password-file password.txt
    ok chain transfer "$address" 1 --key key.json --password-file pipe
) || { kill "$writer"; exit 1; }
wait "$writer"

# U4: a ceremony to which nobody contributed.
gzip -dc "$inputs/uncontributed.ptau.gz" >tau1.ptau
refused 'contribut' srs import tau1.ptau --out t6.bin
[ ! -e t6.bin ] || fail 'a string was imported to which nobody contributed'
# As snarkjs makes it; nothing can be done with a string that was not imported.
snarkjs powersoftau new bn128 6 new.ptau
refused 'new\.ptau.*nobody has contributed' srs import new.ptau --out t6.bin
project u4 plain.csv
sed -i.old 's/srs\.bin/t6.bin/' u4/local.toml
for command in 'data commit' train; do
    # shellcheck disable=SC2086 # words
    refused 't6\.bin is missing' $command u4
done
refused 'is missing' prove u4
# With one contribution it is one.
snarkjs powersoftau contribute new.ptau contributed.ptau --name=somebody -e="$(date) $$"
ok srs import contributed.ptau --out t6.bin
ok srs info --check t6.bin

# What is in a ceremony's place says what it is, and what to do.
snarkjs powersoftau new bls12-381 2 bls.ptau
refused 'bls\.ptau.*curve BLS12-381.*needs BN254' srs import bls.ptau --out t.bin
says 'hint: take the file of a ceremony over BN254' 'a string over another curve'
head -c 9000 tau1.ptau >cut.ptau
refused 'cut\.ptau.*ends inside section 3 \(tauG2\): 780 of its 8192 bytes' \
    srs import cut.ptau --out t.bin
says 'hint: .*part of a download: fetch the file again' 'a string that was cut'
: >empty.ptau
refused 'empty\.ptau: the file is empty' srs import empty.ptau --out t.bin
{ cat tau1.ptau && echo; } >longer.ptau
refused 'longer\.ptau.*goes on after the last of its' srs import longer.ptau --out t.bin
printf '<!DOCTYPE html><html>not found</html>' >page.ptau
refused 'page\.ptau.*begins with' srs import page.ptau --out t.bin
says 'web page' 'a page in place of a string'
for kind in zkey wtns r1cs; do
    printf '%s\001\000\000\000\012\000\000\000' $kind >other.$kind
    refused "other\\.$kind: .*this is a .*\\.$kind" srs import other.$kind --out t.bin
    says 'name the \.ptau file' "a .$kind in place of a string"
done
cp tau1.ptau power.ptau
printf '\035' | dd of=power.ptau bs=1 seek=60 conv=notrunc 2>errors
refused 'power\.ptau.*power is 29.*between 1 and 28' srs import power.ptau --out t.bin
[ ! -e t.bin ] || fail 'something that is no string was imported'
refused "this is a ceremony.s powers of tau" srs info tau1.ptau
says 'zktrain srs import' 'a ceremony in place of a string'
refused 'needs no import' srs import srs.bin --out t.bin

# U5: what proofs rest on is not written over.
project u5 plain.csv
ok data commit u5 --plain
ok train u5
ok setup insecure u5
ok prove u5 --compress groth16 --proofs 1
unchanged u5 setup insecure u5
says 'force' 'a second setup insecure'
# So the chain goes on with the key of its start, and an auditor elsewhere does too.
ok prove u5 --compress groth16 --proofs 1
run verify u5
case $code in 0 | 3) says 'VALID.*2 proofs' 'verify of both' ;; *) fail 'verify of both' ;; esac
ok proof export u5/proofs/000000.proof --format snarkjs --out exported
snarkjs groth16 verify exported/verification_key.json exported/public.json exported/proof.json
says 'OK!' 'snarkjs of the first proof'
unchanged srs.bin srs generate --power 14 --out srs.bin
says 'force' 'a second srs generate'
unchanged srs.bin srs import tau1.ptau --out srs.bin
unchanged tau1.ptau srs import tau1.ptau --out tau1.ptau

# U6: one whole object, or none, whatever paths are called.
odd=$(printf 'bad\377')
if mkdir "$odd" 2>/dev/null; then
    # object ARGUMENTS: exactly one line, which is one JSON object.
    object() {
        code=0
        "$ZK" --json "$@" >said 2>errors </dev/null || code=$?
        [ "$(wc -l <said)" -eq 1 ] || fail "--json $* should print one line"
        LC_ALL=C grep -q '^{.*}$' said || fail "--json $* should print one object"
        if LC_ALL=C grep -q '}{' said; then fail "--json $* prints two objects"; fi
    }
    project "$odd" plain.csv
    object data commit "$odd" --plain
    [ "$code" -eq 0 ] || fail 'data commit in a path that is no Unicode'
    object train "$odd"
    [ "$code" -eq 0 ] || fail 'train in a path that is no Unicode'
    object prove "$odd" --compress none --proofs 1
    [ "$code" -eq 0 ] || fail 'prove in a path that is no Unicode'
    object verify "$odd/nothing"
    object model inspect "$odd/model.safetensors"
    object srs info "$odd/nothing"
fi

# U7: entries that do not fit are counted, and told loudly.
ok init u7 --data plain.csv --label outcome --calibrate-on synthetic --classes no,yes --hidden 4 \
    --batch 4 --steps-per-proof 2 --srs srs.bin --scale 90
run data commit u7 --plain
says 'warning.*clamp' 'data commit of what does not fit'

# U8: messages name what is wrong.
tr , ';' <plain.csv >semicolon.csv
refused 'separator' data inspect semicolon.csv --label outcome
tr , '\t' <plain.csv >tabs.csv
refused 'separator' data inspect tabs.csv --label outcome
gzip -c plain.csv >plain.csv.gz
refused 'gzip|compressed' data inspect plain.csv.gz
printf 'PK\003\004%060d' 0 >xy.npz
refused 'zip|archive' data inspect xy.npz --label y
: >empty.csv
refused 'empty' data inspect empty.csv --label outcome
sed '1s/.*/"salary","hours","visits","paid, in time"/' plain.csv >quoted.csv
ok data inspect quoted.csv
sed '5s/,[a-z]*$/,/' plain.csv >unlabelled.csv
refused 'unlabelled\.csv.*label' init x1 --data plain.csv --label outcome \
    --calibrate-on unlabelled.csv
awk -F, -v OFS=, '{ print (NR == 1 ? "" : NR - 2), $0 }' plain.csv >indexed.csv
answered 'indexed\.csv.*no name' init x2 --data plain.csv --label outcome --calibrate-on indexed.csv
cut -d, -f1-3 plain.csv >prices.csv
answered '--loss mse' init x3 --data prices.csv --label visits --calibrate-on prices.csv --regression
# npy FILE TYPE SHAPE BYTES-IN-OCTAL-ESCAPES: an array of format version 1.
npy() {
    header=$(printf "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" "$2" "$3")
    printf '\223NUMPY\001\000\166\000%-117s\n' "$header" >"$1"
    printf "$4" >>"$1"
}
npy x.npy '<f4' '2, 1' '\000\000\200\077\000\000\000\100'
npy y.npy '|u1' '2,' '\000\001'
npy half.npy '<f2' '2, 1' '\000\074\000\100'
npy large.npy '<i8' '2,' '\000\000\000\000\000\000\040\000\001\000\000\000\000\000\040\000'
ok data inspect x.npy --labels y.npy
refused 'calibrate-labels' init x4 --data x.npy --labels y.npy --calibrate-on x.npy
refused 'f2' data inspect half.npy --labels y.npy
refused '2\^53' data inspect x.npy --labels large.npy
refused 'nosuch is missing' verify nosuch
refused 'nosuch\.csv' init x5 --data nosuch.csv --label outcome --calibrate-on plain.csv --srs srs.bin
refused 'checksum' init x6 --preset breast-cancer --prover 0xFB6916095ca1df60bB79Ce92cE3Ea74c37c5d358
ok init x7 --preset breast-cancer --prover 0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359

# Models of the wild: nothing in a name reaches the terminal as it is.
printf '\106\000\000\000\000\000\000\000%s\000\000\200\077' \
    '{"a\u001b[31m\u009b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' >escapes.safetensors
ok model inspect escapes.safetensors
escape=$(printf '\033')
if grep -q "$escape" said; then fail 'a name reached the terminal'; fi
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n' >pointer.safetensors
refused 'Git LFS' model inspect pointer.safetensors
cp xy.npz archive.safetensors
refused 'zip' model inspect archive.safetensors

# Of the command line.
ok srs generate --power 14 --out other.bin
refused 'another manifest or reference string' verify u5 --srs other.bin
silent 'do not trust|REJECTED' 'verify with another string'
for option in --round --genesis --model; do
    refused "$option .*single proofs" verify u1/proofs/000000.proof.NOT-ZK $option plain.csv \
        $([ $option != --model ] || echo --opening plain.csv)
done
refused 'genesis-hash .*single proofs' verify u1/proofs/000000.proof.NOT-ZK \
    --genesis-hash "$(printf '%064d' 7)"
refused 'nonce .*single proofs' verify u1/proofs/000000.proof.NOT-ZK --nonce derived
# A reader of one line and no more is not told of an error; `set -o pipefail` is not in every sh.
for what in '--help' 'model inspect u5/model.safetensors' '--json model inspect u5/model.safetensors'; do
    rm -f status
    # shellcheck disable=SC2086 # words
    { code=0; "$ZK" $what 2>errors || code=$?; echo "$code" >status; } | true
    grep -q '^0$' status || { cp errors said; fail "$what into a closed pipe"; }
    if grep -Eiq 'error|panicked|pipe' errors; then cp errors said; fail "$what complains"; fi
done
# Warnings and progress into a closed pipe end nothing either.
rm -f status
{ code=0; "$ZK" train u5 2>&1 || code=$?; echo "$code" >status; } | true
grep -q '^0$' status || fail 'train into a closed pipe'
# Contracts that are gone: a chain that was started anew.
(
    export ZKTRAIN_CHAIN=embedded:anew/c.redb
    refused 'no contract' chain status --deployment chain/c.json
) || exit 1

echo "$0: everything that users hit is answered"
