#!/usr/bin/env bash
# Both sides of every comparison in docs/performance.md, in one run on one machine.
#   benches/peers/run.sh similar              anonlink beside samenloop-lab similar
#   benches/peers/run.sh million [PEOPLE]     Splink 5 beside linking from stored encodings
# anonlink, clkhash and splink come from PyPI into a scratch environment, SCRATCH or a new folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=${SCRATCH:-$(mktemp -d)}
if [ ! -x "$scratch/venv/bin/python" ]; then
    python3 -m venv "$scratch/venv"
    "$scratch/venv/bin/pip" install --quiet anonlink clkhash 'splink>=5' duckdb numpy
fi
python="$scratch/venv/bin/python"
case "${1:-}" in
similar)
    cargo build --quiet --release -p samenloop-lab --bin samenloop-lab
    "$python" benches/peers/anonlink_similar.py target/release/samenloop-lab "${@:2}"
    cargo bench --quiet -p samenloop-benches --bench kernel
    ;;
million)
    people=${2:-380000}
    dir="$scratch/people-$people"
    cargo build --quiet --release -p samenloop-lab --bin samenloop-lab
    cargo build --quiet --release -p samenloop-benches --bin million
    if [ ! -f "$dir/corporatie.rows" ]; then
        target/release/samenloop-lab synth --people "$people" --out "$dir"
        target/release/million prepare "$dir"
    fi
    for _ in 1 2; do
        target/release/million link "$dir" blocked 2>/dev/null
        "$python" benches/peers/splink_dedupe.py "$dir" 2>/dev/null | tail -1
    done
    ;;
*)
    sed -n '2,5p' "$0"
    exit 2
    ;;
esac
