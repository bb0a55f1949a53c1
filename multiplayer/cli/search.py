"""`multiplayer search`: messages of your rooms at a running server, from a shell."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from multiplayer.cli.failures import USAGE, Failure
from multiplayer.cli.options import AsJson
from multiplayer.cli.output import print_json, print_rows, say
from multiplayer.cli.signed_in import LOCAL, Token, Url, token_of
from multiplayer.cli.usage import read_when

LONGEST = 160
"""So much of a message's text is shown; all of it is in the JSON."""


class Having(StrEnum):
    FILE = "file"
    LINK = "link"


def search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD…]", help="All of them; Chinese anywhere.")] = None,
    room: Annotated[str | None, typer.Option("--in", metavar="ROOM", help="Only there: an id, or a name.")] = None,
    author: Annotated[
        str | None, typer.Option("--from", metavar="WHO", help="A handle, how a name begins, or me.")
    ] = None,
    having: Annotated[list[Having] | None, typer.Option("--has", help="Only with a file, or a link.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="WHEN", help="A day (2026-11-01), a time, or how long ago (7d).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Only what was said before it.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=200, help="How many at most.")] = 50,
    before: Annotated[
        str | None, typer.Option("--before", metavar="ID", help="Only older ones than this message.")
    ] = None,
    url: Url = LOCAL,
    token: Token = None,
    as_json: AsJson = False,
) -> None:
    """Find messages in your rooms, the newest first. Days are those of UTC."""
    now = datetime.now(UTC)
    first, last = read_when(since, now), read_when(until, now)
    query, has = " ".join(words or ()), set(having or ())
    if not (query.strip() or author or has or first or last):
        raise Failure("what is searched for? give words, --from, --has, --since or --until", exit_code=USAGE)
    known = token_of(token)
    import asyncio

    from multiplayer.cli.on_server import client_at, json_of
    from multiplayer.protocol.ids import MessageId
    from multiplayer.protocol.search import SearchAnswer

    async def find() -> tuple[SearchAnswer, dict[str, str]]:
        async with client_at(url, known) as client:
            found = await client.search(
                query,
                room=room,
                author=author,
                has_file=Having.FILE in has,
                has_link=Having.LINK in has,
                since=first,
                until=last,
                before=None if before is None else MessageId(before),
                limit=limit,
            )
            names = {str(listing.room.id): listing.room.name for listing in await client.rooms()}
            return found, names

    found, names = asyncio.run(find())
    if as_json:
        print_json(json_of(found))
        return
    if not found.hits:
        say("no message was found")
        return
    handles = {author.account_id: f"@{author.handle}" for author in found.authors}
    rows = [
        (
            f"{hit.message.at:%Y-%m-%d %H:%M}",
            f"#{names.get(hit.room_id, hit.room_id)}",
            handles.get(hit.message.author_id, hit.message.author_id),
            hit.message.id,
            _line(hit.message.text or ", ".join(file.name for file in hit.message.attachments)),
        )
        for hit in found.hits
    ]
    print_rows(("WHEN", "ROOM", "FROM", "MESSAGE", "TEXT"), rows)
    if len(found.hits) == limit:
        say(f"older ones: --before {found.hits[-1].message.id}")


def _line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
