"""What is packed for others: the web interface is in it as it was built, or the build says what is missing."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PACKED: Final = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore", "sql", "multiplayer")
DIST: Final = Path("multiplayer", "transports", "web")
PAGE: Final = '<!doctype html><script type="module" src="/assets/index-0a1b2c3d.js"></script>'
BUILDS_IT: Final = f"""#!/bin/sh
echo "$*" >> ../asked
[ "$1" = run ] || exit 0
mkdir -p ../{DIST} && echo '{PAGE}' > ../{DIST}/index.html
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what a build reads, with no web interface in it."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in PACKED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", DIST.name))
        else:
            shutil.copy(source, copy / name)
    (copy / "web").mkdir()
    return copy


def put_dist(checkout: Path) -> None:
    assets = checkout / DIST / "assets"
    assets.mkdir(parents=True)
    (checkout / DIST / "index.html").write_text(PAGE)
    for ending in ("", ".br", ".gz"):
        (assets / f"index-0a1b2c3d.js{ending}").write_bytes(b"let it = 1")


def built(
    checkout: Path, *targets: str, tools: Path | None = None, code: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Build without network or npm, but for an npm of `tools`; what is made lies in `dist`."""
    argv = code or ["-m", "hatchling", "build", *[word for target in targets for word in ("-t", target)]]
    path = f"{tools}{os.pathsep}/bin" if tools is not None else str(checkout / "no-tools")
    return subprocess.run(
        [sys.executable, *argv],
        cwd=checkout,
        env={"PATH": path, "HOME": str(checkout)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def wheel_of(checkout: Path) -> set[str]:
    (wheel,) = (checkout / "dist").glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_the_wheel_and_the_source_archive_carry_the_built_interface_that_git_ignores(checkout: Path) -> None:
    put_dist(checkout)
    done = built(checkout, "sdist", "wheel")
    assert done.returncode == 0, done.stderr
    wanted = {
        str(DIST / "index.html"),
        *[str(DIST / "assets" / f"index-0a1b2c3d.js{end}") for end in ("", ".br", ".gz")],
    }
    assert wanted <= wheel_of(checkout)
    (archive,) = (checkout / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert wanted | {"hatch_build.py"} <= names


def test_without_the_interface_and_without_npm_nothing_is_packed_and_the_reason_is_said(checkout: Path) -> None:
    done = built(checkout, "wheel")
    assert done.returncode != 0
    assert "run `make web` first" in done.stderr
    assert not list(checkout.glob("dist/*"))


def test_where_there_is_npm_the_interface_is_built_and_packed(checkout: Path, tmp_path: Path) -> None:
    npm = tmp_path / "tools" / "npm"
    npm.parent.mkdir()
    npm.write_text(BUILDS_IT)
    npm.chmod(0o755)
    done = built(checkout, "wheel", tools=npm.parent)
    assert done.returncode == 0, done.stderr
    assert str(DIST / "index.html") in wheel_of(checkout)
    assert (checkout / "asked").read_text().splitlines() == ["ci --no-audit --no-fund", "run build"]


def test_an_editable_install_needs_no_interface(checkout: Path) -> None:
    code = "import hatchling.build as b, os; os.mkdir('dist'); b.build_editable('dist')"
    done = built(checkout, code=["-c", code])
    assert done.returncode == 0, done.stderr
    assert not (checkout / DIST).exists()
    assert len(wheel_of(checkout)) > 0
