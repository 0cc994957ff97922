#!/usr/bin/env bash
# Build the wheel and import every module from it, with the source tree out of reach.
set -euo pipefail
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python=$PWD/.venv/bin/python

"$python" -m build --wheel --no-isolation --outdir "$tmp/dist" . >"$tmp/log" 2>&1 || { cat "$tmp/log"; exit 1; }
"$python" -m pip install --quiet --no-deps --no-compile --target "$tmp/site" "$tmp"/dist/*.whl
cp tests/setup/wheel_smoke.py "$tmp/"
cd "$tmp"
"$python" -W error wheel_smoke.py "$tmp/site"
