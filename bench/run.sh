#!/bin/bash
# What the README says of speed and accuracy, measured here and now: `make bench`, or bench/run.sh.
#   1. matrix products beside the machine's peak (one thread, CPU time)
#   2. `undertone transcribe` on the sample in data/raw, with every installed recogniser
#   3. what recording and caching cost, and how runs grow: bench/orchestration.py
#   4. diarization error, word error rate and memory, where the data is: bench/diarization.py, wer.py, memory.py
# Run it on a quiet machine. PYTHON names the interpreter that has openai-whisper (for wer.py); DATA the data's folder.
set -u
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-/usr/bin/python3}
data=${DATA:-../shared/data}
program=build/undertone
failed=0

title()
{
    printf '\n== %s\n' "$*"
}

# Runs a step and remembers whether it failed.
step()
{
    "$@" || failed=1
}

[ -x "$program" ] || { echo "bench: $program is not built; run make" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

title "machine"
sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | sort | uniq -c
"$program" --version

title "matrix products"
read -ra libraries < <(pkg-config --libs jansson libsodium zlib)
if cc -O3 -std=gnu17 -Isrc -Iinclude bench/bench_gemm.c -o "$scratch/bench_gemm" \
    build/libut_nn.a build/libut_base.a "${libraries[@]}" -lpthread -lm; then
    step "$scratch/bench_gemm"
else
    failed=1
fi

title "transcribe data/raw, one job"
for model in whisper-base whisper-tiny.en none; do
    mkdir -p "$scratch/$model"
    TIMEFORMAT="%U %S %R"
    command=("$program" transcribe data/raw --output_dir "$scratch/$model" --asr_model "$model" --jobs 1)
    read -ra times < <({ time "${command[@]}" >/dev/null 2>"$scratch/log" || touch "$scratch/failed"; } 2>&1)
    if [ -e "$scratch/failed" ]; then
        echo "$model: not measured: $(tail -n 1 "$scratch/log")"
        rm "$scratch/failed"
        continue
    fi
    python3 - "$model" "$scratch/$model" "${times[@]}" <<'PYTHON'
import json, pathlib, sys
model, folder, user, kernel, wall = sys.argv[1:]
documents = [json.loads(p.read_text()) for p in pathlib.Path(folder).rglob("conversation.json")]
audio = sum(d["source"]["duration"] for d in documents)
words = sum(len(u["words"]) for d in documents for u in d["utterances"])
cpu, wall = float(user) + float(kernel), float(wall)
print(f"{model:16} {audio:.1f} s of audio, {words} words: {cpu:.2f} s of CPU time, {audio / cpu:.1f} x real time"
      f" ({wall:.2f} s by the wall clock)")
PYTHON
done

title "speakers"
if [ -e bench/diarization.py ] && [ -d "$data/diarization" ]; then
    step "$python" bench/diarization.py --data "$data" --undertone "$program"
else
    echo "skipped: needs bench/diarization.py and $data/diarization"
fi

title "word error rate"
if ! "$python" -c 'import whisper.normalizers' 2>/dev/null; then
    echo "skipped: $python has no openai-whisper (see bench/wer.py); PYTHON names another"
elif [ ! -d "$data/asr/librispeech_test_other_10spk" ]; then
    echo "skipped: $data/asr/librispeech_test_other_10spk is not there; DATA names the data's folder"
else
    for model in whisper-base whisper-tiny.en; do
        step "$python" bench/wer.py --asr_model "$model" --data "$data/asr/librispeech_test_other_10spk"
    done
fi

title "runs: overhead, growth, two jobs, cache"
step "$python" bench/orchestration.py --sample

title "memory, 10 minutes against 2 hours"
if [ -d "$data/asr/librispeech_train_clean_3spk" ]; then
    step "$python" bench/memory.py --data "$data/asr/librispeech_train_clean_3spk"
else
    echo "skipped: $data/asr/librispeech_train_clean_3spk is not there"
fi
exit $failed
