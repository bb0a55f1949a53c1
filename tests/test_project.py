"""What the project promises of itself: its files, their size, and what must not stand in them."""

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = [
    ROOT / name
    for name in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
]


def test_no_module_is_so_long_that_it_should_be_two() -> None:
    lengths = {
        str(file.relative_to(ROOT)): len(file.read_text(encoding="utf-8").splitlines())
        for file in FILES
        if file.suffix == ".py" and file.is_relative_to(ROOT / "multiplayer") and file.exists()
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_every_module_says_its_job_in_its_first_line() -> None:
    silent = [
        str(file.relative_to(ROOT))
        for file in FILES
        if file.suffix == ".py" and file.exists() and not file.read_text(encoding="utf-8").startswith('"""')
    ]
    assert silent == []


def test_every_runtime_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = [re.split(r"[<>=;\[ ]", dependency)[0] for dependency in project["dependencies"]]
    assert [name for name in names if name not in reasons] == []


def test_requirements_are_hashed_and_name_no_index() -> None:
    text = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"^[a-zA-Z0-9_.-]+==", text, re.MULTILINE)
    assert len(pinned) > 30
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "http" + "://" not in text
    assert "https" + "://" not in text


def test_the_readme_shows_the_two_commands_on_its_first_screen() -> None:
    first_screen = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:12]
    assert any(line.strip().startswith("make run") for line in first_screen)
    assert any(line.strip().startswith("make test") for line in first_screen)


def test_every_setting_named_in_the_readme_is_one() -> None:
    named = set(re.findall(r"\b(?:MULTIPLAYER|OPENAI|DEEPSEEK|SUPABASE)_[A-Z_]+\b", (ROOT / "README.md").read_text()))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    of_the_client = {"MULTIPLAYER_TOKEN"}
    assert {name for name in named - of_the_client if f"#{name}=" not in example} == set()
