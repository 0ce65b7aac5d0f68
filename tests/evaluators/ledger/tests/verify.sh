#!/bin/sh
# usage: verify.sh PROGRAM FOLDER ; leaves reward.json in the folder, with one share for each kind of check
set -eu
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 "$1" "$here/../bookings.csv" "$work/report.txt"
accounts() { cut -d' ' -f1 "$1"; }
passed=0
[ "$(wc -l < "$work/report.txt")" -eq 3 ] && passed=$((passed + 1))
[ "$(accounts "$work/report.txt" | sort)" = "$(accounts "$here/expected.txt")" ] && passed=$((passed + 1))
[ "$(accounts "$work/report.txt")" = "$(accounts "$here/expected.txt")" ] && passed=$((passed + 1))
cmp -s "$work/report.txt" "$here/expected.txt" && passed=$((passed + 1))
mkdir -p "$2"
printf '{"reward": %d.%02d, "passed": %d}\n' $((passed / 4)) $((passed % 4 * 25)) "$passed" > "$2/reward.json"
echo "$passed of 4 checks passed"
