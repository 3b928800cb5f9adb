#!/usr/bin/env bash
# update_docs.sh [PROGRAM] - writes config/default.yaml and the option list of reader/zpreader.1.
set -euo pipefail
program=$(realpath "${1:-build/zpreader}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tests/docs.sh

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate_yaml "$program" >"$fresh/default.yaml"
generate_man "$program" reader/zpreader.1 >"$fresh/zpreader.1"
cat "$fresh/default.yaml" >config/default.yaml
cat "$fresh/zpreader.1" >reader/zpreader.1
