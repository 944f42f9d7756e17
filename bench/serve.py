#!/usr/bin/env python3
"""The service under load, on this machine alone: how long health checks and rejects take while many connections are open
and analyses run, what memory that takes, whether the analyses feel it, and what the service costs over the command line.

usage: bench/serve.py [--connections 1000] [--rate 200] [--seconds 20] [--turns 3] [--recording FILE] [--models standard]

Processor time where it can be (other work may run beside it; the load is printed); latencies are wall time as the client
sees them, and as the service counts them, from a request's headers to the end of its answer."""
import argparse
import asyncio
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BINARY = pathlib.Path(os.environ.get("UNDERTONE", ROOT / "build" / "undertone")).resolve()
BUNDLED = ["--asr_model", "none", "--vad_model", "bundled", "--speaker_model", "bundled", "--text_model", "bundled"]
BOUNDARY = "undertone-bench"


def start(models, *options, keys=None):
    """A service, its port, and the headers of somebody who may ask."""
    headers = {}
    if keys:
        made = subprocess.run([str(BINARY), "serve", "--api_keys", keys, "--new_key", "bench"], check=True,
                              capture_output=True, text=True)
        headers = {"X-API-Key": made.stdout.strip()}
        options = (*options, "--api_keys", keys)
    process = subprocess.Popen(
        [str(BINARY), "serve", "--port", "0", "--timeout", "600", "--rate", "0", *models, *options],
        stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if match := re.search(r"listens on http://.+:(\d+)", line):
            return process, Service(int(match.group(1)), headers)
    sys.exit("the service did not start")


class Service:
    def __init__(self, port, headers):
        self.port, self.headers = port, headers

    def ask(self, where, body=None, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{where}", body, {**self.headers, **headers})
        with urllib.request.urlopen(request, timeout=1800) as answer:
            return answer.read()


def metrics(service):
    text = service.ask("/metrics").decode()
    return {m[1]: float(m[2]) for m in re.finditer(r"^undertone_(\S+) (\S+)$", text, re.M)}


def form(recording):
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio_file"; filename="{recording.name}"\r\n\r\n'
    return head.encode() + recording.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()


def analyse(service, body):
    return json.loads(service.ask("/analyze_emotion", body, **{"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}))


class Line:
    """A connection that stays open."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.lock = asyncio.Lock()

    async def ask(self, request):
        async with self.lock:
            began = time.perf_counter()
            self.writer.write(request)
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(re.search(rb"Content-Length: (\d+)", head)[1])
            await self.reader.readexactly(length)
            return int(head[9:12]), time.perf_counter() - began


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMALL = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="audio_file"; filename="a"\r\n\r\nx\r\n--{BOUNDARY}--\r\n'.encode()
REJECT = (f"POST /analyze_emotion HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
          f"Content-Length: {len(SMALL)}\r\n\r\n").encode() + SMALL


async def load(service, connections, rate, until):
    """Asks at the rate, by turns over all connections, until told to stop: health checks, and analyses without a key."""
    lines = [Line() for _ in range(connections)]
    for line in lines:
        await line.open(service.port)
    held = metrics(service)
    times, statuses, tasks = [], {}, []

    async def one(line, request):
        status, seconds = await line.ask(request)
        times.append(seconds)
        statuses[status] = statuses.get(status, 0) + 1

    began = time.perf_counter()
    count = 0
    while not until.is_set():
        while count < (time.perf_counter() - began) * rate:
            tasks.append(asyncio.ensure_future(one(lines[count % connections], REJECT if count % 2 else HEALTH)))
            count += 1
        await asyncio.sleep(0.002)
    await asyncio.gather(*tasks)
    return times, statuses, held, count / (time.perf_counter() - began)


def share(values, q):
    return sorted(values)[min(len(values) - 1, int(q * len(values)))]


def two_at_once(service, body, seconds):
    """Two analyses at work for a while: processor seconds, and how many they were."""
    before = metrics(service)
    until = time.time() + seconds

    def work():
        while time.time() < until:
            analyse(service, body)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    after = metrics(service)
    done, cpu = 'jobs_total{state="done"}', "job_cpu_seconds_total"
    return after[cpu] - before[cpu], int(after[done] - before[done])


def loaded(service, a, body, seconds):
    """The same while requests come; also what load() gives."""
    until = threading.Event()
    result = []
    loader = threading.Thread(target=lambda: result.append(asyncio.run(load(service, a.connections, a.rate, until))))
    loader.start()
    spent = two_at_once(service, body, seconds)
    until.set()
    loader.join()
    return spent, result[0]


def under_load(models, recording, a, folder):
    """By turns without and with the load, since what else runs on the machine changes."""
    process, service = start(models, "--workers", "2", "--queue", "0", keys=f"{folder}/keys")
    try:
        body = form(recording)
        analyse(service, body)
        idle = metrics(service)["resident_bytes"]
        spent, times, statuses, ratios = [[0, 0], [0, 0]], [], {}, []
        for _ in range(a.turns):
            quiet = two_at_once(service, body, a.seconds / a.turns)
            busy, (took, answers, held, rate) = loaded(service, a, body, a.seconds / a.turns)
            times += took
            ratios.append(busy[0] / busy[1] / (quiet[0] / quiet[1]))
            for kind, (cpu, count) in enumerate((quiet, busy)):
                spent[kind][0] += cpu
                spent[kind][1] += count
            for status, n in answers.items():
                statuses[status] = statuses.get(status, 0) + n
        after = metrics(service)
        print(f"memory: {idle / 1e6:.0f} MB idle; {held['resident_bytes'] / 1e6:.0f} MB with {held['connections']:.0f} connections "
              f"open and two analyses begun; {after['resident_bytes'] / 1e6:.0f} MB at the end")
        print(f"{len(times)} requests at {rate:.0f}/s, answers {statuses}: p50 {1000 * share(times, 0.5):.2f} ms, "
              f"p99 {1000 * share(times, 0.99):.2f} ms, most {1000 * max(times):.1f} ms as the client sees it")
        for route in ("/healthz", "/analyze_emotion"):
            count = after[f'request_seconds_count{{route="{route}"}}']
            within = {b: after[f'request_seconds_bucket{{route="{route}",le="{b}"}}'] / count for b in ("0.001", "0.02", "0.1")}
            print(f"  {route} by the service's count: " + ", ".join(f"{100 * w:.2f} % within {b} s" for b, w in within.items()))
        alone, with_load = (cpu / count for cpu, count in spent)
        print(f"an analysis: {alone:.3f} s of processor alone ({spent[0][1]}), {with_load:.3f} s with the load ({spent[1][1]}): "
              f"{100 * (with_load / alone - 1):+.1f} %; by turns " + ", ".join(f"{100 * (r - 1):+.1f} %" for r in ratios))
    finally:
        process.terminate()
        process.wait()


def against_command_line(models, recording, rounds):
    body = form(recording)
    process, service = start(models)
    try:
        analyse(service, body)
        before = metrics(service)
        for _ in range(rounds):
            analyse(service, body)
        after = metrics(service)
        served = (after["cpu_seconds_total"] - before["cpu_seconds_total"]) / rounds
        worked = (after["job_cpu_seconds_total"] - before["job_cpu_seconds_total"]) / rounds
    finally:
        process.terminate()
        process.wait()
    with tempfile.TemporaryDirectory() as out:
        start_cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(rounds):
            subprocess.run([str(BINARY), "run", "--audio_dir", str(recording.parent), "--output_dir", out, *models, "--quiet",
                            "--no-cache"], check=True, capture_output=True)
        end_cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    line = (end_cpu.ru_utime + end_cpu.ru_stime - start_cpu.ru_utime - start_cpu.ru_stime) / rounds
    print(f"one recording: {served:.3f} s of processor a request, {100 * (served / worked - 1):+.2f} % over the analysis in it "
          f"({worked:.3f} s); `undertone run` {line:.3f} s with opening the models and writing the report")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--turns", type=int, default=3, help="without and with the load")
    parser.add_argument("--rounds", type=int, default=5, help="requests and runs of the command line that are compared")
    parser.add_argument("--recording", type=pathlib.Path, default=ROOT / "data" / "raw" / "watch_repair.flac")
    parser.add_argument("--models", choices=("bundled", "standard"), default="bundled")
    a = parser.parse_args()
    models = BUNDLED if a.models == "bundled" else []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * a.connections + 200)), hard))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors, {a.models} models, {a.recording.name}")
    with tempfile.TemporaryDirectory() as folder:
        under_load(models, a.recording, a, folder)
    against_command_line(models, a.recording, a.rounds)


if __name__ == "__main__":
    main()
