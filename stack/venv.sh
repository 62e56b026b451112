#!/usr/bin/env bash
# Makes a virtual environment with the first Python that is new enough; installs what Debian leaves out of it.
set -euo pipefail

target=$1

find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}

install() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "missing: $*; install Python 3.11 to 3.13 with its venv module and try again" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

find_python >/dev/null || install python3 python3-venv
python=$(find_python) || { echo "missing: Python 3.11 to 3.13" >&2; exit 1; }
"$python" -c 'import ensurepip, venv' 2>/dev/null || install python3-venv
"$python" -m venv --clear "$target"
