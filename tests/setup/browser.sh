#!/usr/bin/env bash
# See to it that the tests find a Chromium (tests/scenarios/browser.py), and print which.
set -euo pipefail
cd "$(dirname "$0")/../.."

find_it() { .venv/bin/python -c 'from tests.scenarios.browser import find_browser; print(find_browser())' 2>/dev/null; }

if ! find_it >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq || true
  apt-get install -qq -y --no-install-recommends chromium >/dev/null || true
fi
binary=$(find_it) || { echo "the tests need Chromium or Chrome; SESSIOND_CHROMIUM may name it" >&2; exit 1; }
echo "browser: $binary"
