"""What a search answers with."""

from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.members import AccountKind
from multiplayer.protocol.messages import Message
from multiplayer.protocol.values import Frozen


class Hit(Frozen):
    room_id: RoomId
    message: Message


class Author(Frozen):
    account_id: AccountId
    kind: AccountKind
    handle: str
    display_name: str


class SearchAnswer(Frozen):
    """Newest first. `authors`: who wrote them, those who have left their room too, each once."""

    hits: tuple[Hit, ...]
    authors: tuple[Author, ...] = ()
