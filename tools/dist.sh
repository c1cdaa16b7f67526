#!/usr/bin/env bash
# Builds the wheel and the sdist into dist/, twice, and fails when the two builds differ; and the wheel's bill of materials.
# Files are dated by SOURCE_DATE_EPOCH, by default the last commit, so that everyone gets the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
again=$(mktemp -d)
trap 'rm -rf "$again"' EXIT
rm -rf dist
for folder in dist "$again"; do
  .venv/bin/uv build --quiet --build-constraints requirements/build.txt --require-hashes --out-dir "$folder"
done
sums() { (cd "$1" && sha256sum -- *.whl *.tar.gz); }
diff <(sums dist) <(sums "$again") || { echo "two builds of the same commit differ; see the hashes above" >&2; exit 1; }
.venv/bin/python -m tools.check_wheel dist/*.whl
bill=$(basename dist/*.whl -py3-none-any.whl).cdx.json
.venv/bin/python -m tools.sbom "dist/$bill"
sums dist
(cd dist && sha256sum -- "$bill")
