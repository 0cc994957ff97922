#!/usr/bin/env bash
# Pin every dependency with its hashes, for all supported Pythons at once.  `make lock` calls it.
set -euo pipefail
cd "$(dirname "$0")/../.."
compile=(.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11
  --generate-hashes --custom-compile-command "make lock")
"${compile[@]}" --all-extras pyproject.toml -o deploy/constraints.txt
"${compile[@]}" --all-extras --group dev -c deploy/constraints.txt pyproject.toml -o deploy/constraints-dev.txt
"${compile[@]}" --group redis --no-deps -o tests/setup/redis.txt
