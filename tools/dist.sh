#!/usr/bin/env bash
# Builds the wheel and the sdist into dist/, twice, and fails when the two builds differ; and the wheel's bill of materials.
# Files are dated by SOURCE_DATE_EPOCH, by default the last commit, so that everyone gets the same bytes.
# They are built from a copy of what git tracks and npm brings: what else is in this folder, a key maybe, is in no package.
set -euo pipefail
cd "$(dirname "$0")/.."
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
{ git ls-files -z && find src/callmark/surfaces/static/vendor -type f -print0; } |
  tar --null --verbatim-files-from --files-from=- --create | tar --extract --directory="$work/tree"
rm -rf dist
for folder in "$PWD/dist" "$work/again"; do
  .venv/bin/uv build --quiet --build-constraints requirements/build.txt --require-hashes --out-dir "$folder" "$work/tree"
done
sums() { (cd "$1" && sha256sum -- *.whl *.tar.gz); }
diff <(sums dist) <(sums "$work/again") || { echo "two builds of the same commit differ; see the hashes above" >&2; exit 1; }
.venv/bin/python -m tools.check_packages dist/*.whl dist/*.tar.gz
bill=$(basename dist/*.whl -py3-none-any.whl).cdx.json
.venv/bin/python -m tools.sbom "dist/$bill"
sums dist
(cd dist && sha256sum -- "$bill")
