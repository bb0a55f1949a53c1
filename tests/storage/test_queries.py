"""Named statements from .sql files: found, refused when ambiguous or unexplained."""

from pathlib import Path

import pytest

from multiplayer.storage.queries import BrokenQueries, Queries, UnknownQuery, sql_root

GOOD = """-- Everything about rooms.

-- name: room_by_id
-- One room, for the directory.
SELECT * FROM rooms
-- the newest is meant
WHERE id = $1;

-- name: all_rooms
-- Every room, for the sweep.
SELECT id FROM rooms;
"""


def test_each_statement_is_found_by_its_name_and_carries_it(tmp_path: Path) -> None:
    (tmp_path / "rooms.sql").write_text(GOOD)
    queries = Queries(tmp_path)
    assert list(queries) == ["all_rooms", "room_by_id"]
    assert queries["all_rooms"] == queries.get("all_rooms") == "-- name: all_rooms\nSELECT id FROM rooms;"
    assert queries["room_by_id"].endswith("-- the newest is meant\nWHERE id = $1;")


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "rooms.sql").write_text(GOOD)
    with pytest.raises(UnknownQuery, match=r"'room_by_di'; there are: all_rooms, room_by_id"):
        Queries(tmp_path).get("room_by_di")


def test_a_name_used_twice_is_refused_with_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(GOOD)
    (tmp_path / "b.sql").write_text("-- name: all_rooms\n-- Again.\nSELECT 1;\n")
    with pytest.raises(BrokenQueries, match=r"b\.sql:1: the query all_rooms is already defined at a\.sql:9"):
        Queries(tmp_path)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n", "q.sql:1: SQL before the first"),
        ("-- a title\nSELECT 1;\n-- name: a\n-- Why.\nSELECT 2;\n", "q.sql:2: SQL before the first"),
        ("-- name:\n-- Why.\nSELECT 1;\n", "q.sql:1: '' is not a name"),
        ("-- name: Two Words\n-- Why.\nSELECT 1;\n", "q.sql:1: 'Two Words' is not a name"),
        ("-- name: a\nSELECT 1;\n", "q.sql:1: the query a needs a comment"),
        ("-- name: a\n--\nSELECT 1;\n", "q.sql:1: the query a needs a comment"),
        ("-- name: a", "q.sql:1: the query a needs a comment"),
        ("-- name: a\n-- Why.\n\n-- name: b\n-- Why.\nSELECT 1;\n", "q.sql:1: the query a has no SQL"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused_with_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "q.sql").write_text(text)
    with pytest.raises(BrokenQueries) as refusal:
        Queries(tmp_path)
    assert complaint in str(refusal.value)


def test_the_shipped_statements_load() -> None:
    assert (sql_root() / "queries").is_dir()
    queries = Queries()
    assert [name for name in queries if not queries[name].startswith(f"-- name: {name}\n")] == []
