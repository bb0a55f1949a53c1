"""What a sync leaves alone is what git ignores, by git's own word."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.client.sync.ignoring import RULE_FILES, Ignoring, rules_of

NAMES = ("a", "b", "ab", "a.o", "[", "-", "!", "#a", " a", "a ", "B", "a\tb", "\u00e9")
FOLDERS = ("d", "d/a", "d/b", "d/b/a", "d/b/b", "e", "a.d", "a.d/b")
HAS_GIT = shutil.which("git") is not None
needs_git = pytest.mark.skipif(not HAS_GIT, reason="git, whose word counts here, is not installed")


def ignoring(**files: str) -> Ignoring:
    """Rules by folder; `top` is the folder itself, and two underscores stand for a slash."""
    made = Ignoring()
    for folder, text in files.items():
        made.learn("" if folder == "top" else folder.replace("__", "/"), rules_of(text.encode()))
    return made


def test_the_last_rule_of_the_nearest_file_wins() -> None:
    rules = ignoring(top="*.o\n!keep.o\n", d="!*.o\nkeep.o\n")
    assert [rules.is_ignored(path) for path in ("a.o", "keep.o", "d/a.o", "d/keep.o", "e/a.o")] == [
        True,
        False,
        False,
        True,
        True,
    ]


def test_what_lies_below_an_ignored_folder_cannot_come_back() -> None:
    rules = ignoring(top="build/\n!build/keep\n", build="!keep\n")
    assert rules.is_ignored("build/keep")
    assert not rules.is_ignored("build")


def test_gits_own_folder_and_ours_are_always_left_alone() -> None:
    rules = ignoring(top="!.git\n!.multiplayer\n")
    for path in (
        ".git/config",
        "d/.git",
        ".GIT/hooks/x",
        ".multiplayer/sync.sqlite",
        "d/.multiplayer/x",
        ".g\u200cit/x",
    ):
        assert rules.is_ignored(path), path
    assert not rules.is_ignored(".gitignore")
    assert not rules.is_ignored(".github/x")


def test_our_own_file_of_rules_has_the_last_word() -> None:
    assert RULE_FILES[-1] == ".multiplayerignore"


@pytest.mark.parametrize(
    "line", ["", "/", "//", "\\", "[", "[a", "!", "a//b", "[z-a]", "[[:nope:]]", "\\/a", "x" * 100_000]
)
def test_a_line_that_is_no_rule_matches_nothing(line: str) -> None:
    rules = ignoring(top=line)
    assert not any(rules.is_ignored(name) for name in (*NAMES, "x", "d/a", "x" * 200))


def test_a_rule_made_to_take_long_does_not() -> None:
    rules = ignoring(top="**/" * 30 + "*a*" * 12 + "b\n")
    assert not rules.is_ignored("/".join(["aaaa"] * 6))


@pytest.fixture(scope="module")
def repository() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        where = Path(place)
        subprocess.run(["git", "init", "-q", where], check=True)
        for folder in FOLDERS:
            (where / folder).mkdir()
        for folder in ("", *FOLDERS):
            for name in NAMES:
                if not (where / folder / name).exists():
                    (where / folder / name).touch()
        yield where


PLAIN = ("a", "b", "d", "e", "*", "**", "/", "!", "?", "-", "^", "\\", " ", ".o", ".d", "#", "\t", "\u00e9", "\r")
IN_BRACKETS = ("[", "]", "[a-c]", "[!a]", "[^b]", "[[:alpha:]]", "[[:", "]]", "[b-a]", "[]-]", "[\\]]", "[a-")
piece = st.sampled_from([*PLAIN, *IN_BRACKETS])
rules = st.lists(st.lists(piece, max_size=6).map("".join), max_size=4).map("\n".join)


@needs_git
@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(top=rules, d=rules, below=rules)
def test_it_is_git_that_says_what_is_ignored(repository: Path, top: str, d: str, below: str) -> None:
    made = Ignoring()
    for folder, text in (("", top), ("d", d), ("d/b", below)):
        (repository / folder / ".gitignore").write_bytes(text.encode())
        made.learn(folder, rules_of(text.encode()))
    paths = sorted(
        str(found.relative_to(repository))
        for found in repository.rglob("*")
        if ".git" not in found.relative_to(repository).parts and found.name != ".gitignore"
    )
    asked = subprocess.run(
        ["git", "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=repository,
        input="\0".join(paths).encode(),
        capture_output=True,
        check=False,
    )
    assert asked.returncode in {0, 1}, asked
    of_git = set(asked.stdout.decode().split("\0")) - {""}
    assert {path for path in paths if made.is_ignored(path, is_folder=(repository / path).is_dir())} == of_git
