# shellcheck shell=bash
# What master.sh and worker.sh share; both read it from their own folder.
#
# Settings stand in the file ${LOADKIT_FLEET_ENV:-/etc/loadkit/fleet.env}, one NAME=value a line. A value goes to the
# end of its line as it is: no quotes, nothing is expanded. Without the file the environment has them.
#   LOADKIT_BUCKET        S3 bucket
#   LOADKIT_INPUT         key prefix of the inputs: scenarios, target file, payloads
#   LOADKIT_OUTPUT        key prefix of the results; done.json under it ends the run for good
#   LOADKIT_COMMAND       what the master runs: run scenarios/orders.py --target target.toml --duration 10m
#   LOADKIT_SCENARIO      scenario file that workers load
#   LOADKIT_WORKERS       load processes that the master waits for, over all machines; 0: the master makes the load
#   LOADKIT_PROCESSES     load processes of one worker machine; empty or 0: one a core
#   LOADKIT_MASTER        host:port that workers connect to
#   LOADKIT_BIND          address that the master listens at, with that port; default 0.0.0.0
#   LOADKIT_TOKEN         ARN of the fleet's token: an SSM parameter or a secret of Secrets Manager
#   LOADKIT_SECRETS       ARN of a JSON object of environment variables for loadkit; optional
#   LOADKIT_WORKER_GROUP  Auto Scaling groups that are scaled to zero at the end; optional
#   LOADKIT_MASTER_GROUP
#   LOADKIT_WORK          folder to work in; default /var/lib/loadkit
#   LOADKIT_HOME          where install.sh put loadkit; default /opt/loadkit
#   LOADKIT_EVERY         seconds between two uploads while the command runs; default 60
#   LOADKIT_PAUSE         seconds between two tries of anything; default 10
#   AWS_REGION, AWS_...   as the aws command has them

reason="" private=""

say() {
  printf '%s %s\n' "$(date -u +%FT%TZ)" "$*" >&2
}

# fail CODE TEXT
fail() {
  # shellcheck disable=SC2034 # master.sh puts it into done.json
  reason=$2
  say "error: $2"
  exit "$1"
}

settings() {
  local file=${LOADKIT_FLEET_ENV:-/etc/loadkit/fleet.env} line
  umask 077
  private=$(mktemp -d)
  if [[ -e $file ]]; then
    [[ -r $file ]] || fail 2 "$file cannot be read by $(id -un)"
    while IFS= read -r line || [[ -n $line ]]; do
      [[ $line =~ ^[[:space:]]*(#|$) ]] && continue
      [[ $line =~ ^(LOADKIT|AWS)_[A-Z0-9_]+= ]] || fail 2 "$file: '${line%%=*}' is no line like LOADKIT_NAME=value"
      export "${line?}"
    done <"$file"
  fi
  export -n LOADKIT_TOKEN # to loadkit this variable is the token itself
  work=${LOADKIT_WORK:-/var/lib/loadkit}
  pause=${LOADKIT_PAUSE:-10}
  loadkit=${LOADKIT_HOME:-/opt/loadkit}/bin/loadkit
  store=s3://${LOADKIT_BUCKET:-}/${LOADKIT_OUTPUT:-}
  store=${store%/}
  export AWS_PAGER="" AWS_RETRY_MODE=standard AWS_MAX_ATTEMPTS=5
  export AWS_DEFAULT_REGION=${AWS_REGION:-${AWS_DEFAULT_REGION:-}} # version 1 of the aws command knows this name alone
}

# need NAME...
need() {
  local name
  for name; do
    [[ -n ${!name:-} ]] || fail 2 "$name is not set; lib.sh says what it is"
  done
}

# patiently COMMAND...: the rights of a new machine, and a parameter just written, take a while to be known everywhere
patiently() {
  local left
  for left in 4 3 2 1 0; do
    "$@" && return 0 # within a trap a bare return gives what was before it
    ((left)) && sleep "$pause"
  done
  return 1
}

inputs() {
  rm -rf "$work/inputs"
  mkdir -p "$work/inputs"
  cd "$work/inputs" || return
  patiently fetched || fail 3 "no inputs under s3://$LOADKIT_BUCKET/${LOADKIT_INPUT%/}/"
}

fetched() {
  aws s3 cp --recursive --only-show-errors "s3://$LOADKIT_BUCKET/${LOADKIT_INPUT%/}/" . && [[ -n $(ls -A) ]]
}

# value_of ARN: the value, on stdout; nothing of it goes anywhere else
value_of() {
  case $1 in
    arn:*:ssm:*) aws ssm get-parameter --name "$1" --with-decryption --query Parameter.Value --output text ;;
    arn:*:secretsmanager:*) aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text ;;
    *) fail 2 "$1 is no ARN of an SSM parameter or of a secret of Secrets Manager" ;;
  esac
}

# The token and the secrets, as files that nobody else may read and that go with this process.
secrets() {
  if [[ -n ${LOADKIT_TOKEN:-} ]]; then
    patiently value_of "$LOADKIT_TOKEN" >"$private/token" || fail 3 "LOADKIT_TOKEN $LOADKIT_TOKEN cannot be read"
  fi
  : >"$private/secrets"
  if [[ -n ${LOADKIT_SECRETS:-} ]]; then
    patiently value_of "$LOADKIT_SECRETS" >"$private/json" || fail 3 "LOADKIT_SECRETS $LOADKIT_SECRETS cannot be read"
    python3 -c '
import json, re, sys
found = json.load(sys.stdin)
assert all(re.fullmatch(r"[A-Za-z_]\w*", name) and isinstance(value, str) for name, value in found.items())
sys.stdout.write("".join(f"{name}={value}\0" for name, value in found.items()))
' <"$private/json" >"$private/secrets" 2>/dev/null ||
      fail 2 "LOADKIT_SECRETS $LOADKIT_SECRETS: it has to be a JSON object of names and texts"
  fi
}

# run_loadkit WORD...: in place of this shell. The secrets are loadkit's alone: none may change what aws is told.
run_loadkit() {
  local -a pairs
  mapfile -d '' -t pairs <"$private/secrets"
  ((${#pairs[@]} == 0)) || export "${pairs[@]}"
  exec "$loadkit" "$@"
}

is_done() {
  aws s3api head-object --bucket "$LOADKIT_BUCKET" --key "${LOADKIT_OUTPUT%/}/done.json" >/dev/null 2>&1
}
