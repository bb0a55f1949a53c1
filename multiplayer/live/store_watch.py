"""Whether files can be stored: looked at now and then, for health and for whoever reads the log."""

import asyncio
from typing import Final

import structlog

from multiplayer.blobs.port import Blobs, BlobsFault

LOOK_S: Final = 60.0

_log = structlog.get_logger(__name__)


class StoreWatch:
    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.problem = ""
        """Why files cannot be stored, in plain words; empty: they can, or nobody has looked yet."""

    @property
    def said(self) -> str:
        return f"{self._blobs.kind}: {self.problem or 'files can be stored'}"

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        try:
            await self._blobs.check()
        except BlobsFault as fault:
            problem = str(fault) or "the file store does not work"
        else:
            problem = ""
        if problem != self.problem:
            _log.warning("file_store", store=self._blobs.kind, problem=problem or "none any more")
        self.problem = problem
