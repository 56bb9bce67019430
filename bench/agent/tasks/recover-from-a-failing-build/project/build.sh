#!/usr/bin/env bash
# Makes out/menu.txt of the parts, in the order of parts/order.
set -euo pipefail
cd "$(dirname "$0")"

rm -rf out
mkdir out
while IFS= read -r part; do
	python3 tools/render.py "parts/$part.json" >>out/menu.txt.new
done <parts/order
mv out/menu.txt.new out/menu.txt
echo "built $(wc -l <out/menu.txt) lines"
