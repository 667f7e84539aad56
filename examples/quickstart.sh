#!/usr/bin/env bash
# From a video to tokens and back, and what there is to see of it:  examples/quickstart.sh [VIDEO [FOLDER]]
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
video="${1:-$here/demo.mp4}"
out="${2:-quickstart}"
mkdir -p "$out"

elastictok encode "$video" -o "$out/video.etok" --threshold 0.007 -f       # the fewest tokens that reach it, block by block
elastictok stats "$out/video.etok" --plot "$out/tokens.png" -f             # where they went
elastictok decode "$out/video.etok" -o "$out/decoded.mp4" -f               # a video again
elastictok verify "$out/video.etok" --source "$video"                      # every block measured again
elastictok compare "$video" "$out/video.etok" -o "$out/compare.mp4" -f     # both side by side, tokens below
elastictok stats "$out/video.etok" --html "$out/report.html" --source "$video" -f -q >"$out/stats.txt"

ls -l "$out"
