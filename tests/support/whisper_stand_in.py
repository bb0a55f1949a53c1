"""A worker that speaks the wire of Whisper's and hears nothing: `python whisper_stand_in.py MODE`, without the extra.

A recording that holds the word `hold` is worked on until somebody ends it.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

COMMAND = (sys.executable, "-I", str(Path(__file__).resolve()))
SAID = "Hello Bob. See you on Friday."


def workers() -> list[int]:
    """Return the pids of all workers, stand-ins or not, that are children of this process and not dead (Linux)."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            line = (folder / "cmdline").read_bytes()
            if int(parent) == os.getpid() and state not in "ZX" and b"whisper_" in line:
                found.append(int(folder.name))
    return found


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def until_killed() -> None:
    while True:
        time.sleep(60)


def main(mode: str) -> None:
    json.loads(sys.stdin.buffer.readline())
    match mode:
        case "cannot_start":
            return say(said="cannot_start", reason="RuntimeError: model.bin is corrupt")
        case "dies_at_once":
            return None
        case "never_ready":
            until_killed()
    say(said="ready")
    while line := sys.stdin.buffer.readline():
        job = json.loads(line)
        serve(mode, job, sys.stdin.buffer.read(job["size"]))
    return None


def serve(mode: str, job: dict[str, object], data: bytes) -> None:
    assert len(data) == job["size"], "a job comes whole"
    match mode:
        case "crashes_reading":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "killed_reading":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hangs_reading":
            until_killed()
        case "refuses_not_audio" | "refuses_too_long":
            return say(said="refused", why=mode.removeprefix("refuses_"))
        case "floods":
            while True:
                sys.stdout.write("x" * 65_536)
    say(said="measured", duration_s=0.1 if mode == "hangs_hearing" else 2.5)
    say(said="progress", share=0.4)
    if b"hold" in data or mode == "hangs_hearing":
        until_killed()
    match mode:
        case "crashes_hearing":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "babbles":
            return say(said="done", text="x", language="en", lines=[{"start_s": -1, "end_s": 1e99, "text": 1}])
    say(said="progress", share=0.2)
    lines = [
        {"start_s": 0.0, "end_s": 1.0, "text": "Hello Bob."},
        {"start_s": 1.0, "end_s": 2.5, "text": "See you on Friday."},
    ]
    return say(said="done", text=SAID, language="en", lines=lines)


if __name__ == "__main__":
    main(sys.argv[1])
