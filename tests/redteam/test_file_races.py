"""File calls while another process exchanges the names under them, thousands of times a second: none ever gets out."""

import json
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import JsonValue

from multiplayer.tools.files.tools import file_tools
from multiplayer.tools.open_gate import OpenGate
from multiplayer.tools.registry import ToolRegistry
from tests.redteam.file_ground import Ground, ground, problems_of

pytestmark = pytest.mark.slow

RACE_S = 0.8
LONGEST_S = 30.0
FEWEST_EXCHANGES = 200
# Both end when their standard input does, and by themselves after a while; the last line counts what was done.
_EXCHANGER = """
import ctypes, select, sys, time
exchange = ctypes.CDLL(None, use_errno=True).renameat2
one, other = (name.encode() for name in sys.argv[1:3])
done, end = 0, time.monotonic() + 20
print("ready", flush=True)
while time.monotonic() < end and not select.select([0], [], [], 0)[0]:
    for _ in range(50):
        done += exchange(-100, one, -100, other, 2) == 0
print(done)
"""
_PLANTER = """
import os, select, sys, time
folder, target = sys.argv[1:3]
done, end = 0, time.monotonic() + 20
print("ready", flush=True)
while time.monotonic() < end and not select.select([0], [], [], 0)[0]:
    for _ in range(50):
        for name in os.listdir(folder):
            if name.endswith(".tmp"):
                try:
                    path = os.path.join(folder, name)
                    os.unlink(path)
                    (os.symlink if done % 2 else os.link)(target, path)
                    done += 1
                except OSError:
                    pass
print(done)
"""


@dataclass
class Race:
    """What the other process did; known once it has ended."""

    count: int = 0


@contextmanager
def racing(script: str, *arguments: Path) -> Iterator[Race]:
    race = Race()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield race
        finally:
            process.stdin.close()
            race.count = int(process.stdout.readline() or 0)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Ground]:
    if not sys.platform.startswith("linux"):
        pytest.skip("names are exchanged by a call that only Linux has")
    with ground(tmp_path) as one:
        (one.folder / "file").write_text("harmless\n")
        (one.folder / "dir").mkdir()
        (one.folder / "dir" / "secret").write_text("harmless\n")
        (one.outside / "only-outside").mkdir()
        yield one


@pytest.fixture(scope="module")
def tools() -> ToolRegistry:
    return ToolRegistry(file_tools())


async def outcome(tools: ToolRegistry, made: Ground, name: str, **arguments: JsonValue) -> str:
    """The code of a call, "ok" if it ran; what it shows is looked at."""
    result = await tools.call(name, json.dumps(arguments), made.context(OpenGate()))
    assert problems_of(result.text, made.secret) == []
    assert "only-outside" not in result.text
    return result.code or "ok"


def evil_of(made: Ground, kind: str) -> Path:
    """What is exchanged with the harmless name: something that leads to the secret."""
    evil = made.folder / "evil"
    match kind:
        case "link to the secret":
            evil.symlink_to(made.outside / "secret")
        case "hard link":
            evil.hardlink_to(made.outside / "secret")
        case "FIFO":
            os.mkfifo(evil)
        case _:
            evil.symlink_to("../outside")
    return evil


def mark_of(path: Path) -> tuple[int, int]:
    """What stays when a name is exchanged. The kind is part of it: the number of what is gone is given to the next."""
    status = os.lstat(path)
    return status.st_ino, stat.S_IFMT(status.st_mode)


def planted_again(made: Ground, harmless: Path, evil: Path, kind: str, mark: tuple[int, int]) -> tuple[int, int]:
    """Put both names back to where they were, and answer with the mark of what is evil.

    A write that wins has put its file in the place of the link: then there was nothing left to race with.
    """
    if mark_of(harmless) == mark:
        aside = made.folder / "aside"
        harmless.rename(aside)
        evil.rename(harmless)
        aside.rename(evil)
    elif mark_of(evil) != mark:
        evil.unlink()
        evil_of(made, kind)
    return mark_of(evil)


SIMPLE: tuple[tuple[str, str, dict[str, JsonValue], str, set[str]], ...] = (
    ("read_file", "file", {"path": "file"}, "link to the secret", {"ok", "outside"}),
    ("read_file", "file", {"path": "file"}, "hard link", {"ok", "hard_link"}),
    ("read_file", "file", {"path": "file"}, "FIFO", {"ok", "wrong_kind"}),
    ("read_file", "dir", {"path": "dir/secret"}, "link", {"ok", "outside"}),
    ("write_file", "file", {"path": "file", "content": "harmless\n"}, "link to the secret", {"ok", "outside"}),
    ("write_file", "dir", {"path": "dir/secret", "content": "harmless\n"}, "link", {"ok", "outside"}),
    ("write_file", "dir", {"path": "dir/a/b", "content": "x"}, "link", {"ok", "outside"}),
    ("edit_file", "dir", {"path": "dir/secret", "old": "h", "new": "h!"}, "link", {"ok", "outside"}),
    ("list_files", "dir", {"path": "dir"}, "link", {"ok", "outside"}),
    ("list_files", "dir", {"path": "", "depth": 3}, "link", {"ok"}),
    ("search_files", "dir", {"query": "canary"}, "link", {"ok"}),
    ("search_files", "dir", {"query": "canary", "path": "dir"}, "link", {"ok", "outside"}),
)


def may_also(made: Ground) -> set[str]:
    """What a call may say of names that change under it; without the kernel's help a link can look like no folder."""
    return {"race", "not_found", "not_unique", "outside"} | (
        set() if made.workspace.kernel_resolves else {"wrong_kind"}
    )


@pytest.mark.parametrize(("tool", "harmless", "arguments", "evil", "seen"), SIMPLE)
async def test_a_call_that_races_with_an_exchange_of_names_stays_inside(
    made: Ground,
    tools: ToolRegistry,
    tool: str,
    harmless: str,
    arguments: dict[str, JsonValue],
    evil: str,
    seen: set[str],
) -> None:
    planted, outside = evil_of(made, evil), made.outside_now()
    mark = mark_of(planted)
    outcomes, exchanges, rounds = Counter[str](), 0, 0
    longest = time.monotonic() + LONGEST_S
    # One side may win many times in a row on a machine with other work: it goes on until both have.
    while not rounds or (not seen <= outcomes.keys() and time.monotonic() < longest):
        mark = planted_again(made, made.folder / harmless, planted, evil, mark)
        with racing(_EXCHANGER, made.folder / harmless, planted) as race:
            end = time.monotonic() + RACE_S
            while time.monotonic() < end:
                outcomes[await outcome(tools, made, tool, **arguments)] += 1
        exchanges += race.count
        rounds += 1
    assert exchanges > FEWEST_EXCHANGES
    assert seen <= outcomes.keys() <= seen | may_also(made), outcomes
    assert made.outside_now() == outside
    assert made.temporaries() == []


async def test_the_same_exchange_fools_who_checks_a_path_and_then_opens_it(made: Ground) -> None:
    path = made.folder / "dir" / "secret"
    fooled = 0
    with racing(_EXCHANGER, made.folder / "dir", evil_of(made, "link")):
        end = time.monotonic() + 10
        while not fooled and time.monotonic() < end:
            with suppress(OSError):
                if str(path.resolve()).startswith(str(made.folder)):
                    fooled += path.read_text() == made.secret
    assert fooled


async def test_a_move_that_races_takes_nothing_from_outside_and_puts_nothing_there(
    made: Ground, tools: ToolRegistry
) -> None:
    real = os.open(made.folder / "dir", os.O_RDONLY)
    outside = made.outside_now()
    taken, given = Counter[str](), Counter[str]()
    try:
        with racing(_EXCHANGER, made.folder / "dir", evil_of(made, "link")) as race:
            end = time.monotonic() + 2 * RACE_S
            while time.monotonic() < end:
                code = await outcome(tools, made, "move_file", source="dir/secret", destination="stolen")
                taken[code] += 1
                if code == "ok":
                    assert (made.folder / "stolen").read_text() == "harmless\n"
                    os.rename(made.folder / "stolen", "secret", dst_dir_fd=real)
                (made.folder / "mine").write_text("x")
                code = await outcome(tools, made, "move_file", source="mine", destination="dir/mine")
                given[code] += 1
                if code == "ok":
                    os.unlink("mine", dir_fd=real)
    finally:
        os.close(real)
    assert race.count > FEWEST_EXCHANGES
    for outcomes in (taken, given):
        assert {"ok", "outside"} <= outcomes.keys() <= {"ok"} | may_also(made), outcomes
    assert made.outside_now() == outside


async def test_a_delete_that_races_removes_nothing_outside(made: Ground, tools: ToolRegistry) -> None:
    inner, evil = made.folder / "tree" / "inner", made.folder / "evil"
    outside = made.outside_now()
    outcomes = Counter[str]()
    with racing(_EXCHANGER, inner, evil) as race:
        end = time.monotonic() + 2 * RACE_S
        while time.monotonic() < end:
            fresh = made.folder / "fresh"  # made aside: whoever makes folders by this path now makes them outside
            with suppress(FileExistsError):
                (fresh / "inner" / "a").mkdir(parents=True)
                (fresh / "inner" / "b").touch()
            with suppress(OSError):
                fresh.rename(made.folder / "tree")
            with suppress(OSError):
                evil.symlink_to(made.outside)
            outcomes[await outcome(tools, made, "delete_file", path="tree")] += 1
            outcomes[await outcome(tools, made, "delete_file", path="tree/inner/secret")] += 1
            await outcome(tools, made, "delete_file", path="evil")
    assert race.count > FEWEST_EXCHANGES // 4
    assert outcomes["ok"] > 10
    assert outcomes.keys() <= {"ok", "race", "not_found", "outside", "wrong_kind"}, outcomes
    assert made.outside_now() == outside


async def test_a_temporary_that_is_replaced_by_a_link_is_not_written_through(made: Ground, tools: ToolRegistry) -> None:
    outside = made.outside_now()
    target = made.folder / "file"
    outcomes = Counter[str]()
    with racing(_PLANTER, made.folder, made.outside / "secret") as race:
        end = time.monotonic() + 2 * RACE_S
        while time.monotonic() < end:
            outcomes[await outcome(tools, made, "write_file", path="file", content="y" * 20_000)] += 1
            outcomes[await outcome(tools, made, "edit_file", path="file", old="y" * 20_000, new="harmless")] += 1
            with suppress(FileNotFoundError):  # where the temporary of the very first write was caught
                if target.is_symlink() or target.stat().st_nlink > 1:
                    target.unlink()
    assert race.count > 3, "no temporary was caught, so it proves little"
    assert outcomes["ok"] > 10
    assert outcomes.keys() <= {"ok", "outside", "hard_link", "not_found", "race"}, outcomes
    assert made.outside_now() == outside
    ours = [name for name in map(Path, made.temporaries()) if not name.is_symlink() and name.stat().st_nlink == 1]
    assert ours == [], "what is left behind was planted"
