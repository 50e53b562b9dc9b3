#!/usr/bin/env bash
# All that is to be known of a GPU, in the order of what matters, within a quarter of an hour. Each step has a limit of
# its own and writes as it goes, so that whatever ends early has left its table.
# Usage: bash benchmarks/on_gpu.sh FOLDER_FOR_RESULTS
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.."
results=${1:?name a folder for results}
mkdir -p "$results"

step() {
  local limit=$1 name=$2
  shift 2
  printf '\n== %s (after %d s)\n' "$name" "$SECONDS"
  timeout "$limit" "$@" 2>&1 | tee "$results/$name.log" | tail -40
}

nvidia-smi --query-gpu=name,clocks.max.sm,memory.total --format=csv | tee "$results/device.csv"
step 120 tests python -m pytest -q -m gpu
step 60 accuracy_random python benchmarks/accuracy.py --device cuda --output "$results/accuracy_random_gpu.tsv"
step 60 accuracy_example python benchmarks/accuracy.py --device cuda --model example --variants 12 \
  --output "$results/accuracy_example_gpu.tsv"
step 240 dense python benchmarks/dense.py --device cuda --output "$results/dense_gpu.tsv"
step 240 engines python benchmarks/gpu.py --output "$results/gpu.tsv"
