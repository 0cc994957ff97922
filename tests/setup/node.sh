#!/usr/bin/env bash
# See to it that the stock phoenix.js clients of tests/phoenix_js can run: Node 18+, npm ci.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ -f tests/phoenix_js/package-lock.json ] || exit 0

have() { command -v node >/dev/null && command -v npm >/dev/null; }

if ! have && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq || true
  apt-get install -qq -y --no-install-recommends nodejs npm >/dev/null || true
fi
have || { echo "the tests need Node 18 or newer, with npm" >&2; exit 1; }
echo "node: $(node --version), npm $(npm --version)"

cd tests/phoenix_js
if ! cmp -s package-lock.json node_modules/.ok; then
  npm ci --no-audit --no-fund --ignore-scripts
  cp package-lock.json node_modules/.ok
fi
