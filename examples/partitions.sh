#!/usr/bin/env bash
# One intersection as N independent jobs on this machine, and their outputs put together.
#
#   examples/partitions.sh N LEFT.csv RIGHT.csv OUT-FOLDER [more flags of `symbolon psi` …]
#
# On many machines every job is one process with --partition I/N at each party, and a place of its own in
# --parties; docs/psi.md shows that for Kubernetes. Here both parties of a job are processes on 127.0.0.1.
#
#   SYMBOLON   the program                        [default: symbolon]
#   JOBS       pairs of processes at a time       [default: 2]
#   PORT       the first of 2·N ports             [default: 21000]
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
count=$1 left=$2 right=$3 out=$4
shift 4
symbolon=${SYMBOLON:-symbolon} jobs=${JOBS:-2} port=${PORT:-21000}
mkdir -p "$out"

# One job: both parties work on part $1. A job that failed may be started again by itself, and goes on where it was.
job() {
  local part=$1 status=0
  shift
  local parties=127.0.0.1:$((port + 2 * part)),127.0.0.1:$((port + 2 * part + 1))
  local files=("$left" "$right") pids=()
  for rank in 0 1; do
    "$symbolon" psi --rank $rank --parties "$parties" --input "${files[$rank]}" \
      --partition "$part/$count" --run-dir "$out/run-$rank" \
      --aligned "$out/part-$part-rank-$rank.csv" --report "$out/part-$part-rank-$rank.json" "$@" \
      2> "$out/part-$part-rank-$rank.log" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
  if [ $status != 0 ]; then
    echo "part $part failed: see $out/part-$part-rank-*.log" >&2
  fi
  return $status
}

running=0 failed=0
for ((part = 0; part < count; part++)); do
  if [ $running = "$jobs" ]; then
    wait -n || failed=1
    running=$((running - 1))
  fi
  job $part "$@" &
  running=$((running + 1))
done
while [ $running -gt 0 ]; do
  wait -n || failed=1
  running=$((running - 1))
done
[ $failed = 0 ] || exit 1

# Line i of one party's output belongs to line i of the other's: both are put together in the order of the parts.
for rank in 0 1; do
  head -n 1 "$out/part-0-rank-$rank.csv" > "$out/rank-$rank.csv"
  for ((part = 0; part < count; part++)); do
    tail -n +2 "$out/part-$part-rank-$rank.csv" >> "$out/rank-$rank.csv"
  done
done
echo "$(($(wc -l < "$out/rank-0.csv") - 1)) lines beside each other in $out/rank-0.csv and $out/rank-1.csv"
