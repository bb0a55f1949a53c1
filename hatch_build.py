"""Sees to it that what is packed has the web interface in it: as it was built, or built now, or nothing is packed."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebInterface(BuildHookInterface):  # type: ignore[type-arg]  # any builder's
    def initialize(  # type: ignore[explicit-override]  # Python 3.11 has no `override`, and a build needs hatchling alone
        self,
        version: str,
        build_data: dict[str, Any],  # noqa: ARG002 - hatchling's signature
    ) -> None:
        """Build what is missing. Raises `RuntimeError` where that cannot be."""
        root = Path(self.root)
        page = root / "multiplayer" / "transports" / "web" / "index.html"
        # An editable install serves what the checkout has, whenever it was built.
        if version == "editable" or page.is_file():
            return
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("the web interface is not built, and there is no npm to build it: run `make web` first")
        for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            done = subprocess.run([npm, *command], cwd=root / "web", check=False)  # noqa: S603 - fixed words
            if done.returncode != 0:
                raise RuntimeError(f"the web interface could not be built: `npm {' '.join(command)}` failed in web/")
        if not page.is_file():
            raise RuntimeError("the web interface could not be built: npm has made no index.html")
