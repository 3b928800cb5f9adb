#!/usr/bin/env bash
# check_docs.sh [PROGRAM] - do config/default.yaml and reader/zpreader.1 say what the program says?
set -euo pipefail
program=$(realpath "${1:-build/zpreader}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/docs.sh

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate_yaml "$program" >"$fresh/default.yaml"
generate_man "$program" reader/zpreader.1 >"$fresh/zpreader.1"
status=0
diff -u config/default.yaml "$fresh/default.yaml" || status=1
diff -u reader/zpreader.1 "$fresh/zpreader.1" || status=1
# what is written must be accepted again
"$program" inventory --config config/default.yaml --dump-config >/dev/null || status=1
[ "$status" -eq 0 ] || echo 'documents are stale: run tests/update_docs.sh'
exit "$status"
