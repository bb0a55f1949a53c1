"""What an AI said itself, as it reads it again: its words as its own, what it found or attached as the server's lines."""

from multiplayer.ai.file_lines import with_files
from multiplayer.ai.prompts import Note, encode_note
from multiplayer.ai.units import Unit, with_cards
from multiplayer.models.port import PromptMessage
from multiplayer.protocol.messages import Answer, MessageBody


def own_unit(said: MessageBody | Answer, event_id: str, handle: str, at: str, secret: bytes) -> Unit:
    """Return what `handle` said in the event with this id. `at` is RFC 3339; `secret` is the room's."""
    messages = [PromptMessage(role="assistant", content=said.text)] if said.text else []

    def line(kind: str, text: str) -> PromptMessage:
        note = Note(id=event_id, event=kind, by=handle, at=at, text=text, taint=said.taint)
        return PromptMessage(role="user", content=encode_note(note, secret))

    if said.cards or said.form is not None:
        messages.append(line("found", with_cards("", said.cards, said.form)))
    if isinstance(said, Answer):
        return Unit(tuple(messages), taint=said.taint)
    if said.attachments:
        messages.append(line("attached", with_files("", said.attachments)))
    return Unit(tuple(messages), message_id=said.id, taint=said.taint)
