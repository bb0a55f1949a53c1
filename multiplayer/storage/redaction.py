"""How the log forgets: the line of a posted or edited message, or of a summary, without its text."""

from multiplayer.protocol.codec import encode
from multiplayer.protocol.events import MessageEdited, MessagePosted, SummaryUpdated, event_adapter


def redacted(line: bytes) -> bytes:
    """Return the line of the same event with its text and mentions taken out."""
    event = event_adapter.validate_json(line)
    bare: dict[str, object] = {"mentions": (), "mention_groups": (), "is_redacted": True}
    match event:
        case MessagePosted():
            return encode(event.model_copy(update={**bare, "message": event.message.model_copy(update={"text": ""})}))
        case MessageEdited():
            return encode(event.model_copy(update={**bare, "text": ""}))
        case SummaryUpdated():
            return encode(event.model_copy(update={"text": ""}))
        case _:
            raise AssertionError(f"{event.type} holds no text of a message")
