"""Brings contents of the room here: several at once, each on from where it broke off, placed when it is whole."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Final

from multiplayer.client.backoff import Patience
from multiplayer.client.errors import ConnectionLost
from multiplayer.client.sync.ledger import Ledger
from multiplayer.client.sync.opened_folder import OpenedFolder
from multiplayer.client.sync.placing import Part, Placing
from multiplayer.client.sync.reconcile import Download, Version
from multiplayer.client.sync.scanning import Here
from multiplayer.client.sync.stamps import Stamp, seen_in_place
from multiplayer.client.sync.threads import some_at_once, to_end
from multiplayer.client.sync.workspace import SyncedWorkspace
from multiplayer.client.sync.wrongs import PathLeft, PathMoved
from multiplayer.protocol.errors import RefusalCode, Refused

_WRITTEN_AT_ONCE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Content:
    """One content, and all that want it."""

    sha256: str
    size: int
    wanted: Sequence[Download]


class Downloads:
    """One pass's. `run` it once."""

    def __init__(
        self,
        workspace: SyncedWorkspace,
        folder: OpenedFolder,
        placing: Placing,
        ledger: Ledger,
        *,
        patience_s: float,
        at_once: int,
        moving: Callable[[int, int], None],
        came: Callable[[str], None],
        failed: Callable[[str, PathLeft | PathMoved], None],
    ) -> None:
        self._workspace = workspace
        self._folder = folder
        self._placing = placing
        self._ledger = ledger
        self._patience_s = patience_s
        self._at_once = at_once
        self._moving = moving
        self._came = came
        self._failed = failed
        self._bytes = 0
        self._total = 0

    async def run(
        self, wanted: Sequence[Download], sizes: Mapping[str, int], here: Mapping[str, Here], *, is_whole: bool
    ) -> None:
        """Fetch all. What goes wrong with one path is told to `failed`; the rest goes on. Raises what ends them all.

        `sizes`: of all that the room has. `is_whole`: nothing else of it is wanted.
        """
        by_content: dict[str, list[Download]] = {}
        for one in wanted:
            if one.replaces is not None and one.replaces.sha256 == one.version.sha256:
                await self._each(one, partial(self._set_executable, one, here[one.path].stamp))
            else:
                by_content.setdefault(one.version.sha256, []).append(one)
        # Which others a later pass wants is not decided yet: what has come of them is gone on with.
        await to_end(partial(self._placing.sweep, frozenset(by_content if is_whole else sizes)))
        contents = [_Content(sha256, sizes[sha256], users) for sha256, users in by_content.items()]
        self._total = sum(content.size for content in contents)
        await some_at_once(partial(self._bring, here), contents, self._at_once)

    async def _bring(self, here: Mapping[str, Here], content: _Content) -> None:
        try:
            part = await self._fetch(content)
        except (PathLeft, PathMoved) as problem:
            for one in content.wanted:
                self._failed(one.path, problem)
            return
        *others, last = content.wanted
        for one in others:
            await self._each(one, partial(self._place, part, one, here, keeps_part=True))
        await self._each(last, partial(self._place, part, last, here, keeps_part=False))

    async def _each(self, one: Download, work: Callable[[], None]) -> None:
        try:
            await to_end(work)
        except (PathLeft, PathMoved) as problem:
            self._failed(one.path, problem)
            return
        self._ledger.remember({one.path: one.version})
        self._came(one.path)

    def _place(self, part: str, one: Download, here: Mapping[str, Here], *, keeps_part: bool) -> None:
        placed = self._placing.place(
            part,
            one.path,
            is_executable=one.version.is_executable,
            replaces=here[one.path].stamp if one.replaces is not None else None,
            keeps_part=keeps_part,
            told=partial(self._ledger.expect, one.path, Version(*one.version)),
        )
        if placed is not None and (seen := seen_in_place(*placed, one.version.sha256)):
            self._ledger.see({one.path: seen})

    def _set_executable(self, one: Download, stamp: Stamp) -> None:
        self._placing.set_executable(one.path, stamp, is_executable=one.version.is_executable)

    async def _fetch(self, content: _Content) -> str:
        """Return the name of the part that holds it, whole and checked."""
        part = await to_end(partial(Part, self._folder, content.sha256, content.size))
        try:
            self._move(part.size)
            patience = Patience(self._patience_s)
            is_again = False
            while True:
                while part.size < content.size:
                    before = part.size
                    try:
                        await self._take(part, content)
                    except (ConnectionLost, Refused) as problem:
                        if isinstance(problem, Refused) and problem.code is RefusalCode.NOT_FOUND:
                            # The room has another tree by now.
                            raise PathMoved(content.sha256) from None
                        if part.size > before:
                            patience.got_on()
                        await patience.wait(problem)
                begun_at = part.size
                try:
                    await to_end(part.finish)
                except PathLeft:
                    self._move(-begun_at)
                    # What an earlier run left may have been damaged since; what comes now, twice, is not right there.
                    if is_again or not content.size:
                        raise
                    is_again = True
                else:
                    return part.name
        finally:
            part.close()

    async def _take(self, part: Part, content: _Content) -> None:
        gathered: list[bytes] = []
        held = 0
        async with aclosing(self._workspace.fetch_content(content.sha256, part.size)) as pieces:
            try:
                async for piece in pieces:
                    gathered.append(piece)
                    held += len(piece)
                    if held >= _WRITTEN_AT_ONCE:
                        whole, gathered, held = gathered, [], 0
                        await self._write(part, whole)
            except ConnectionLost:
                # What came before the break need not come again.
                await self._write(part, gathered)
                raise
        await self._write(part, gathered)
        if part.size < content.size:
            raise ConnectionLost("the file broke off")

    async def _write(self, part: Part, pieces: Sequence[bytes]) -> None:
        before = part.size
        await to_end(partial(part.write, pieces))
        self._move(part.size - before)

    def _move(self, more: int) -> None:
        self._bytes += more
        self._moving(self._bytes, self._total)
