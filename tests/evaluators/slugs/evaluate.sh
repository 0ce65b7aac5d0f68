#!/bin/sh
# usage: evaluate.sh SCRIPT ; the whole output is one JSON object
set -eu
LC_ALL=C
export LC_ALL
right=0
total=0
while IFS='|' read -r title wanted; do
  found=$(printf '%s\n' "$title" | sed -f "$1")
  total=$((total + 1))
  [ "$found" = "$wanted" ] && right=$((right + 1))
done < cases.txt
printf '{\n  "right": %d,\n  "cases": %d,\n  "share": 0.%03d\n}\n' "$right" "$total" $((999 * right / total))
