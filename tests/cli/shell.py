"""Somebody at a shell of their own, at a running server."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from multiplayer.protocol.codec import JsonValue
from tests.cli.typist import ROOT
from tests.journeys.house import Ran, multiplayer
from tests.support.server import Known

Object = dict[str, JsonValue]


@dataclass(frozen=True)
class Shell:
    """Somebody at a shell, in a folder of their own."""

    known: Known
    url: str
    here: Path

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.here),
            "PYTHONPATH": str(ROOT),
            "MULTIPLAYER_URL": self.url,
            "MULTIPLAYER_TOKEN": self.known.token,
        }

    def file(self, name: str, data: bytes) -> str:
        (self.here / name).write_bytes(data)
        return name

    async def run(self, *arguments: str) -> Ran:
        return await multiplayer(*arguments, environment=self.environment)

    async def read(self, *arguments: str) -> Object:
        ran = await self.run(*arguments, "--json")
        assert (ran.code, ran.err) == (0, ""), ran
        return cast("Object", json.loads(ran.out))
