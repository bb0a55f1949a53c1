"""Finds the `sql/` folder, and loads the named statements of `sql/queries/*.sql`.

A statement begins with `-- name: the_name` and, on the next line, a comment that says what it is for.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_NAME = re.compile(r"--\s*name:\s*(.*)")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class BrokenQueries(Exception):  # noqa: N818 - named for what is broken
    """A file of queries does not keep the format; the sentence names the file and the line."""


class UnknownQuery(LookupError):  # noqa: N818 - named for what is unknown
    """No file holds a query of that name."""


def sql_root() -> Path:
    """Return the folder of `migrations/` and `queries/`: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    # The package's own first: beside an installed one, another distribution may have put a folder called sql.
    for folder in (package / "sql", package.parent / "sql"):
        if (folder / "queries").is_dir() or (folder / "migrations").is_dir():
            return folder
    raise BrokenQueries(f"no sql folder in {package} or beside it: reinstall multiplayer")


class Queries:
    """Every named statement, read once from `directory` (default: the shipped ones). Raises `BrokenQueries`."""

    def __init__(self, directory: Path | None = None) -> None:
        self._texts: dict[str, str] = {}
        places: dict[str, str] = {}
        for path in sorted((directory or sql_root() / "queries").glob("*.sql")):
            for line_number, name, text in _parse(path):
                place = f"{path.name}:{line_number}"
                if name in places:
                    raise BrokenQueries(f"{place}: the query {name} is already defined at {places[name]}")
                places[name] = place
                self._texts[name] = text

    def __getitem__(self, name: str) -> str:
        """Return the statement, led by its name as a comment, so that Postgres's own views and logs show it."""
        try:
            return self._texts[name]
        except KeyError:
            raise UnknownQuery(f"no query is called {name!r}; there are: {', '.join(self) or 'none'}") from None

    def get(self, name: str) -> str:
        """Return the same as `queries[name]`: a missing one is an error, never None."""
        return self[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._texts))

    def __len__(self) -> int:
        return len(self._texts)


def _parse(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, name and text of each query of one file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    starts = [index for index, line in enumerate(lines) if _NAME.fullmatch(line.strip())]
    for number, line in enumerate(lines[: starts[0] if starts else None], 1):
        if line.strip() and not line.strip().startswith("--"):
            raise BrokenQueries(f"{path.name}:{number}: SQL before the first '-- name: …' line")
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        place = f"{path.name}:{start + 1}"
        header = _NAME.fullmatch(lines[start].strip())
        assert header is not None, f"{place}: matched a moment ago"
        name = header[1].strip()
        if not _IDENTIFIER.fullmatch(name):
            raise BrokenQueries(f"{place}: {name!r} is not a name of lower-case letters, digits and _")
        body = lines[start + 1 : end]
        if not body or not body[0].strip().removeprefix("--").strip() or not body[0].strip().startswith("--"):
            raise BrokenQueries(f"{place}: the query {name} needs a comment on the next line that says what it is for")
        if all(not line.strip() or line.strip().startswith("--") for line in body):
            raise BrokenQueries(f"{place}: the query {name} has no SQL")
        yield start + 1, name, "\n".join([f"-- name: {name}", *body[1:]]).strip()
