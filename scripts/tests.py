#!/usr/bin/env python3
"""Runs all test programs of the workspace, two at a time.

Many tests wait: for a block, a deadline, another process. Two programs at once let those that compute
have what others leave. Each is run as `cargo test` runs it, and what it says comes when it ends.

    scripts/tests.py [OPTION...]     options are cargo's: which programs are built and run
    TESTS_AT_ONCE=1 scripts/tests.py

The last lines say how long each took, by the clock and on the processors. Exits with 1 if a test fails, a
program crashes, or there is nothing to run.
"""

import json
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

# Those that take longest, first: whatever is short fits beside their ends.
LONGEST = ["cli", "proofs", "rounds", "all", "wire"]
BUILD = ["cargo", "test", "--profile", "ci", "--tests", "--no-run", "--message-format=json-render-diagnostics"]


def programs(options: list[str]) -> list[tuple[str, Path, Path]]:
    """Name, executable and package folder of each program, built."""
    built = subprocess.run(BUILD + options, stdout=subprocess.PIPE, check=False)
    if built.returncode != 0:
        sys.exit(built.returncode)
    found = []
    for line in built.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message.get("profile", {}).get("test"):
            folder = Path(message["manifest_path"]).parent
            name = f"{folder.name or 'root'}::{message['target']['name']}"
            found.append((name, Path(message["executable"]), folder))
    rank = {name: place for place, name in enumerate(LONGEST)}
    return sorted(found, key=lambda it: (rank.get(it[0].split("::")[1], len(rank)), it[0]))


def run(executable: Path, folder: Path) -> tuple[int, bytes]:
    """One program, in its package's folder: exit code and output."""
    environment = dict(os.environ, CARGO_MANIFEST_DIR=str(folder))
    done = subprocess.run(
        [executable], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )
    return done.returncode, done.stdout


def main() -> int:
    waiting = programs(sys.argv[1:])
    if not waiting:
        print("there are no tests", file=sys.stderr)
        return 1
    turn, told = threading.Lock(), []

    def work() -> None:
        while True:
            with turn:
                if not waiting:
                    return
                name, executable, folder = waiting.pop(0)
            began = time.monotonic()
            code, output = run(executable, folder)
            with turn:
                print(f"== {name}", flush=True)
                sys.stdout.buffer.write(output)
                sys.stdout.buffer.flush()
                told.append((time.monotonic() - began, name, code))

    at_once = int(os.environ.get("TESTS_AT_ONCE", "2"))
    workers = [threading.Thread(target=work) for _ in range(at_once)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for seconds, name, code in sorted(told, reverse=True):
        print(f"{seconds:6.0f} s  {name}" + ("" if code == 0 else f"  FAILED ({code})"))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{used.ru_utime + used.ru_stime:6.0f} s  of the processors' time")
    return 1 if any(code != 0 for _, _, code in told) else 0


if __name__ == "__main__":
    sys.exit(main())
