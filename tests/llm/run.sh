#!/bin/bash
# `make test-llm`: the language model's expert against a real model behind a real server. Builds
# llama-cpp-python's server in an environment of its own (some minutes, once), fetches the small model,
# serves it here and runs real_model.py. LINES=200 scores more of MELD, LINES=0 all of it, which takes hours.
set -eu
cd "$(dirname "$0")/../.."
venv=build/llm-venv
port=${PORT:-18080}
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import llama_cpp.server.app' 2>/dev/null; then
    echo "test-llm: building llama-cpp-python's server (about six minutes on two cores)"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'llama-cpp-python[server]==0.3.36'
fi
build/undertone models pull gemma-3-270m
model=$(find "${HF_HOME:-$HOME/.cache/huggingface}" -name gemma-3-270m-q4_k_m.gguf | head -n 1)
log=build/llm-server.log
"$venv/bin/python" -m llama_cpp.server --model "$model" --host 127.0.0.1 --port "$port" --n_ctx 8192 >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true' EXIT
for _ in $(seq 120); do
    kill -0 $server 2>/dev/null || { tail "$log"; exit 1; }
    curl -s "http://127.0.0.1:$port/v1/models" >/dev/null && break
    sleep 1
done
OPENAI_BASE_URL="http://127.0.0.1:$port/v1" PYTHONPATH=tests/e2e UNDERTONE=build/undertone \
    /usr/bin/python3 -B tests/llm/real_model.py
