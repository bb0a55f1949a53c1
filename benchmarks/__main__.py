"""`python -m benchmarks`: start the servers, measure every figure, print a table, keep the numbers."""

import argparse
import asyncio
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from benchmarks import (
    checkpoint,
    figures,
    file_read,
    flood,
    nlweb,
    prefix,
    report,
    sandbox_start,
    servers,
    sync,
    uploads,
    web,
)
from benchmarks.disk import Fdatasync
from benchmarks.generator import RunFailed
from benchmarks.jobs import Place
from benchmarks.report import Figure, Sitting, say
from benchmarks.seed_rooms import Made, RoomWanted
from benchmarks.servers import ROOT, Cores, Server, ServerFailed
from benchmarks.stage import FULL, SMOKE, Size, Stage

NAMES = (
    "durable",
    "ack",
    "delivery",
    "idle",
    "ai",
    "nlweb",
    "prefix",
    "sandbox",
    "files",
    "checkpoint",
    "flood",
    "uploads",
    "sync",
    "web",
    "start",
)
_SMALL_ROOM = 10
_SPARE_FILES = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a small form in under a minute")
    parser.add_argument("--only", choices=NAMES, action="append", help="only this figure; may be given again")
    parser.add_argument("--rounds", type=int, help="how often each comparison is made")
    parser.add_argument("--seed", type=int, default=1, help="of the texts that are sent")
    parser.add_argument("--dir", type=Path, help="a folder on the disk to measure; default: the temporary folder")
    asked = parser.parse_args()
    # Only the table goes to stdout.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    size = SMOKE if asked.smoke else FULL
    if asked.rounds is not None:
        size = Size(**{**vars(size), "rounds": max(1, asked.rounds)})
    words = ["python -m benchmarks", *sys.argv[1:]]
    try:
        with tempfile.TemporaryDirectory(prefix="multiplayer-bench-", dir=asked.dir) as folder:
            sitting = asyncio.run(_sit(" ".join(words), Path(folder), size, asked.seed, asked.only or NAMES))
    except (RunFailed, ServerFailed) as failed:
        say(f"\nNo figures: {failed}")
        return 1
    sys.stdout.write(sitting.markdown())
    say(f"\nKept in {sitting.save(Path(__file__).parent / 'results').relative_to(ROOT)}")
    return 0


async def _sit(command: str, folder: Path, size: Size, seed: int, wanted: Sequence[str]) -> Sitting:
    began, began_s, before = report.now(), time.perf_counter(), report.machine()
    cores = Cores.of_this_machine()
    _raise_file_limit(size.idle_rooms * size.idle_members + _SPARE_FILES)
    say("Making rooms …")
    made, rooms = _seed(folder, size)
    say("Starting the servers …")
    async with (
        servers.multiplayer(folder / "multiplayer", cores) as ours,
        servers.naive(folder / "naive", cores) as naive,
    ):
        stage = Stage(folder, cores, seed, size, _places(made, rooms, ours, naive))
        found = await _measure(stage, ours, naive, wanted)
        postgres = await ours.postgres_version()
    if "idle" in wanted:
        say("Idle sessions …")
        # A process of its own: what the figures before it left in memory would hide what a session weighs.
        async with servers.multiplayer(folder / "multiplayer", cores) as ours:
            stage.places = _places(made, rooms, ours, naive)
            found.append(await figures.idle_sessions(stage, ours))
    if "nlweb" in wanted:
        say("One person and an NLWeb member …")
        found += await nlweb.through_the_room(folder, cores, size)
    if "prefix" in wanted:
        say("Unchanged prefixes …")
        found += await prefix.unchanged_prefix(folder, turns=size.long_turns, seed=seed, is_whole=size.compares_all)
    if "sandbox" in wanted:
        say("Starts in the sandbox …")
        found.append(await sandbox_start.start_overhead(folder, size))
    if "files" in wanted:
        say("The file tool …")
        found.append(await file_read.read_of_4_kib(folder, size))
    if "checkpoint" in wanted:
        say("Checkpoints of a workspace …")
        found += await checkpoint.of_a_workspace(folder, size, seed)
    if "flood" in wanted:
        say("A flood of output …")
        found += await flood.live_output(folder, cores, size, seed)
    if "uploads" in wanted:
        say("Large files …")
        found += await uploads.of_large_files(
            folder, cores, size, file_bytes=size.upload_bytes, rounds=size.upload_rounds
        )
    if "sync" in wanted:
        say("A workspace that is followed …")
        found += await sync.of_a_followed_workspace(folder, cores, size)
    if "web" in wanted:
        say("The web interface …")
        found += await web.of_the_web_interface(folder, cores, size)
    if "start" in wanted and size.compares_all:
        found.append(await _start_up(folder, cores, ours))
    probes = stage.fdatasync or [stage.probe()]
    return Sitting(
        command=command,
        began=began,
        took_s=time.perf_counter() - began_s,
        seed=seed,
        settings=servers.RAISED,
        machine=before,
        versions=report.versions(postgres, ROOT),
        fdatasync=Fdatasync(tuple(call for probe in probes for call in probe.calls_ms)).facts(),
        figures=found,
    )


async def _measure(stage: Stage, ours: Server, naive: Server, wanted: Sequence[str]) -> list[Figure]:
    both = {"multiplayer": ours, "naive": naive}
    found: list[Figure] = []
    if "ai" in wanted:
        say("First words …")
        found.append(await figures.first_words(stage, ours))
    if "ack" in wanted:
        say("Acknowledgement …")
        found.append(await figures.acknowledgement(stage, both if stage.size.compares_all else {"multiplayer": ours}))
    if "delivery" in wanted:
        say("Delivery on a schedule …")
        found.append(await figures.delivery(stage, both if stage.size.compares_all else {"multiplayer": ours}))
    if "durable" in wanted:
        for in_flight in stage.size.bursts:
            say(f"Durable room, {in_flight} in flight …")
            found.insert(0, await figures.durable_room(stage, both, in_flight))
    return found


async def _start_up(folder: Path, cores: Cores, warm: Server) -> Figure:
    """How long `serve` takes to its first good /readyz, on a folder with rooms and on an empty one."""
    say("Starting up …")
    async with servers.multiplayer(folder / "fresh", cores) as fresh:
        first_s = fresh.started_in_s
    async with servers.multiplayer(folder / "fresh", cores) as again:
        again_s = again.started_in_s
    return Figure(
        name="start to ready",
        result=f"empty folder {first_s:.1f} s, the same again {again_s:.1f} s, with the rooms of this sitting "
        f"{warm.started_in_s:.1f} s",
    )


def _seed(folder: Path, size: Size) -> tuple[Made, list[RoomWanted]]:
    """Each measured room has people of its own: who is in two is told in one what happens in the other."""
    rooms = [
        RoomWanted(name=figures.DURABLE, members=size.members),
        RoomWanted(name=figures.SMALL, members=_SMALL_ROOM, first=size.members),
        RoomWanted(name=figures.TALK, members=_SMALL_ROOM, first=size.members + _SMALL_ROOM, with_ai=True),
    ]
    accounts = size.members + 2 * _SMALL_ROOM
    rooms += [
        RoomWanted(name=f"idle {number}", members=size.idle_members, first=accounts)
        for number in range(size.idle_rooms)
    ]
    return servers.seed(folder / "multiplayer", accounts + size.idle_members, rooms), rooms


def _places(made: Made, rooms: Sequence[RoomWanted], ours: Server, naive: Server) -> dict[tuple[str, str], Place]:
    places = {}
    for room, room_id in zip(rooms, made.room_ids, strict=True):
        tokens = tuple(made.tokens[room.first : room.first + room.members])
        places["multiplayer", room.name] = Place(dialect="multiplayer", port=ours.port, room_id=room_id, tokens=tokens)
        names = tuple(f"member{number:04}" for number in range(room.members))
        places["naive", room.name] = Place(dialect="naive", port=naive.port, room_id=room.name, tokens=names)
    return places


def _raise_file_limit(needed: int) -> None:
    """The generator and the servers inherit it. Each side of a connection is a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise ServerFailed(f"{needed} open files are needed and this machine allows {hard}: raise it (ulimit -Hn)")
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


if __name__ == "__main__":
    sys.exit(main())
