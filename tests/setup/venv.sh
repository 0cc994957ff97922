#!/usr/bin/env bash
# Make .venv and install into it.    tests/setup/venv.sh run|dev
#   run: what the server needs        dev: that, the test, lint and docs tools, the Python client
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:?run or dev}
export PIP_DISABLE_PIP_VERSION_CHECK=1

python=${PYTHON:-}
for name in python3 python3.14 python3.13 python3.12 python3.11; do
  [ -n "$python" ] && break
  "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && python=$name
done
[ -n "$python" ] || { echo "sessiond needs Python 3.11 or newer (set PYTHON=...)" >&2; exit 1; }

if ! .venv/bin/python -c '' 2>/dev/null; then
  rm -rf .venv
  if ! "$python" -m venv .venv 2>/dev/null; then      # Debian keeps ensurepip in a package of its own
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { "$python" -m venv .venv; exit 1; }
    apt-get update -qq && apt-get install -qq -y --no-install-recommends python3-venv >/dev/null
    rm -rf .venv && "$python" -m venv .venv
  fi
fi

pip=(.venv/bin/python -m pip install --quiet)
if [ "$what" = run ]; then
  "${pip[@]}" --require-hashes -r deploy/constraints.txt
  "${pip[@]}" --no-deps --editable .                  # hash mode cannot install an editable
else
  "${pip[@]}" --require-hashes -r deploy/constraints-dev.txt
  "${pip[@]}" --no-deps --no-build-isolation --editable .
  if [ -f clients/python/pyproject.toml ]; then
    "${pip[@]}" --no-deps --no-build-isolation --editable clients/python
  fi
  touch .venv/.ok-run
fi
touch ".venv/.ok-$what"
