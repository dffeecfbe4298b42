#!/usr/bin/env bash
# install.sh SPEC...: loadkit in a virtual environment of its own, and nothing else.
#
# SPEC is what pip takes: a wheel, with extras if wanted (/path/loadkit-1.0-py3-none-any.whl[all]), or a requirement.
#   LOADKIT_HOME  where the environment goes; default /opt/loadkit
#   PYTHON        with which Python; default: the newest on PATH that can make environments
set -euo pipefail

home=${LOADKIT_HOME:-/opt/loadkit}

fail() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 2
}

# Debian's Python without python3-venv, and the shim of a Python that is not there, are passed over.
newest() {
  local name
  for name in python3.{30..11} python3; do
    if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
      printf '%s' "$name"
      return
    fi
  done
  fail "no Python that can make environments: install Python 3.11 or newer (with its venv module), or set PYTHON"
}

(($#)) || fail "say what to install: install.sh /path/to/loadkit.whl[all]"
python=${PYTHON:-$(newest)}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is not Python 3.11 or newer: install one, or set PYTHON"

"$python" -m venv "$home"
"$home/bin/python" -m pip install --no-input --disable-pip-version-check --quiet "$@"
"$home/bin/loadkit" --help >/dev/null
"$home/bin/python" -c 'from importlib.metadata import version; print("loadkit", version("loadkit"))'
