#!/usr/bin/env bash
# Makes load for a master until done.json says that the run is over: starts load processes, and each again that ends.
#
# One that comes before the master waits for it. While they run nothing else does: S3 is asked only when one has ended.
# Settings: lib.sh. The aws command and python3 must be on PATH. On SIGTERM they report what they measured and end; a
# systemd unit has KillMode=mixed, since a second SIGTERM ends them where they are.
set -euo pipefail
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

finish() {
  local code=$? left
  trap - EXIT
  trap '' TERM INT
  mapfile -t left < <(jobs -pr)
  ((${#left[@]} == 0)) || kill -TERM "${left[@]}" 2>/dev/null || true
  wait
  [[ -z $private ]] || rm -rf "$private"
  exit "$code"
}

start() {
  run_loadkit worker "$LOADKIT_SCENARIO" --master "$LOADKIT_MASTER" --token-file "$private/token" --wait 20s &
}

trap finish EXIT
trap 'exit 143' TERM INT
settings
need LOADKIT_BUCKET LOADKIT_INPUT LOADKIT_OUTPUT LOADKIT_SCENARIO LOADKIT_MASTER LOADKIT_TOKEN
processes=${LOADKIT_PROCESSES:-0}
[[ $processes =~ ^[0-9]+$ ]] || fail 2 "LOADKIT_PROCESSES is '$processes': give a number, 0 for one a core"
((processes)) || processes=$(nproc)
inputs
secrets

until is_done; do
  for ((missing = processes - $(jobs -pr | wc -l); missing > 0; missing--)); do start; done
  code=0
  wait -n || code=$?
  say "a load process has ended with $code; unless the run is over, it is started again in $pause s"
  sleep "$pause"
done
say "$store/done.json is there: the run is over"
