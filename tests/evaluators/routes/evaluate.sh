#!/bin/sh
# usage: evaluate.sh PROGRAM train|test ; the last line of the output is the result
set -eu
cd "$(dirname "$0")"
program=$1
split=${2:-train}
echo "evaluating on the $split places"
exec python3 judge.py "$program" "$split"
