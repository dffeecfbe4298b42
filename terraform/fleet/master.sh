#!/usr/bin/env bash
# Runs LOADKIT_COMMAND to its end, keeps what it leaves in S3, says so in done.json, and scales the fleet to zero.
#
# master.sh                  exit code: the command's
# master.sh --failed TEXT    for who cannot even start it: done.json with that reason, and the fleet scaled to zero
# Settings: lib.sh. The aws command and python3 must be on PATH. On SIGTERM loadkit ends in good order and what it has
# is kept; a systemd unit has KillMode=mixed, since a second SIGTERM ends it where it is.
set -euo pipefail
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

started=$(date -u +%FT%TZ) results="" command=""

# Whatever happened: results first, done.json when they are safe, then nothing that costs is left running.
finish() {
  local code=$? kept=yes
  trap - EXIT
  trap '' TERM INT
  set +e
  if [[ -d $results ]]; then patiently upload cp --recursive || kept=""; fi
  if [[ -n $kept && -n ${LOADKIT_BUCKET:-} && -n ${LOADKIT_OUTPUT:-} ]]; then
    patiently mark_done "$code" || kept=""
  fi
  scale_to_zero "${LOADKIT_WORKER_GROUP:-}"
  if [[ -n $kept ]]; then
    scale_to_zero "${LOADKIT_MASTER_GROUP:-}"
  else
    ((code)) || code=3
    say "error: the results are not all in S3, so this machine is kept: they are in $results"
  fi
  [[ -z $private ]] || rm -rf "$private"
  exit "$code"
}

upload() {
  nice -n 19 aws s3 "$@" --only-show-errors "$results" "$store"
}

mark_done() {
  python3 -c '
import json, sys
code, command, started, ended, reason = sys.argv[1:]
print(json.dumps({"exit_code": int(code), "command": command, "started": started, "ended": ended, "reason": reason}))
' "$1" "${LOADKIT_COMMAND:-}" "$started" "$(date -u +%FT%TZ)" "$reason" >"$private/done.json" &&
    aws s3 cp --only-show-errors --content-type application/json "$private/done.json" "$store/done.json"
}

scale_to_zero() {
  [[ -n $1 ]] || return 0
  say "scaling $1 to zero"
  local sizes=(--min-size 0 --desired-capacity 0)
  patiently aws autoscaling update-auto-scaling-group --auto-scaling-group-name "$1" "${sizes[@]}" ||
    say "error: $1 is not scaled to zero: do it by hand, it costs"
}

stop() {
  reason="asked to stop"
  say "$reason"
  [[ -n $command ]] || exit 143
  kill -TERM "$command" 2>/dev/null || true
}

split_command() {
  python3 -c 'import shlex, sys; sys.stdout.write("".join(f"{word}\0" for word in shlex.split(sys.argv[1])))' \
    "$LOADKIT_COMMAND" >"$private/words" 2>/dev/null || fail 2 "LOADKIT_COMMAND: a quote is open: $LOADKIT_COMMAND"
  mapfile -d '' -t words <"$private/words"
  ((${#words[@]})) || fail 2 "LOADKIT_COMMAND is empty"
}

# What a master that was lost has left is there again: sweep, max and gate go on in it, a run is made anew beside it.
place_results() {
  local number=1
  mkdir -p "$results"
  patiently aws s3 cp --recursive --only-show-errors "$store" "$results" || fail 3 "$store cannot be read"
  out=$results/${words[0]}
  if [[ ${words[0]} == run ]]; then
    while [[ -e $out ]]; do out=$results/run-$((++number)); done
  fi
}

# watch WORD...: loadkit to its end, with uploads meanwhile; returns its exit code
watch() {
  local code=0 every=${LOADKIT_EVERY:-60} next
  export LOADKIT_STATE=$results/state # the ledger of what it makes on the cluster is kept with the results
  run_loadkit "$@" >>"$results/loadkit.log" 2>&1 &
  command=$!
  next=$((SECONDS + every))
  while [[ -n $(jobs -pr) ]]; do
    sleep 1
    if ((SECONDS >= next)); then
      upload sync || say "this upload failed, the next one is in $every s"
      next=$((SECONDS + every))
    fi
  done
  wait "$command" || code=$?
  say "loadkit has ended with $code"
  return "$code"
}

trap finish EXIT
trap stop TERM INT
settings
[[ ${1:-} != --failed ]] || fail 3 "${2:-the machine could not be prepared}"
need LOADKIT_BUCKET LOADKIT_INPUT LOADKIT_OUTPUT LOADKIT_COMMAND LOADKIT_WORKERS
if is_done; then
  trap - EXIT
  say "$store/done.json is there: this run is over, and another one needs another LOADKIT_OUTPUT"
  scale_to_zero "${LOADKIT_WORKER_GROUP:-}"
  scale_to_zero "${LOADKIT_MASTER_GROUP:-}"
  exit 0
fi
[[ $LOADKIT_WORKERS =~ ^[0-9]+$ ]] || fail 2 "LOADKIT_WORKERS is '$LOADKIT_WORKERS': give a number, 0 for no fleet"
inputs
secrets
split_command
results=$work/results/${LOADKIT_OUTPUT%/}
place_results
words+=(--out "$out")
if ((LOADKIT_WORKERS)); then
  need LOADKIT_MASTER LOADKIT_TOKEN
  words+=(--expect-workers "$LOADKIT_WORKERS" --token-file "$private/token")
  words+=(--master-bind "${LOADKIT_BIND:-0.0.0.0}:${LOADKIT_MASTER##*:}")
fi

say "loadkit ${words[*]}"
say "its output: $results/loadkit.log"
watch "${words[@]}"
