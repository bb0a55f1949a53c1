"""Reads messages from their rows."""

import asyncpg
from pydantic import TypeAdapter

from multiplayer.protocol.messages import Message, Reaction

reactions_adapter: TypeAdapter[tuple[Reaction, ...]] = TypeAdapter(tuple[Reaction, ...])


def message_from(row: asyncpg.Record) -> Message:
    """Read a row that has every column of `messages` but `words`."""
    values = {name: row[name] for name in _COLUMNS}
    return Message.model_validate({**values, "reactions": reactions_adapter.validate_json(row["reactions"])})


_COLUMNS = tuple(name for name in Message.model_fields if name != "reactions")
