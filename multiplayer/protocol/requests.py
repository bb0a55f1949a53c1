"""What stands around a command on the wire, and the lines that concern the session itself."""

from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, TypeAdapter, model_validator

from multiplayer.protocol.commands import Command
from multiplayer.protocol.ids import RoomId
from multiplayer.protocol.signals import Cursor
from multiplayer.protocol.values import Frozen

AnswerId = Annotated[str, StringConstraints(max_length=64)]
RoomRef = Annotated[RoomId, StringConstraints(max_length=26)]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Credential(Frozen):
    """Exactly one of a token and a ticket."""

    token: SecretStr | None = None
    ticket: SecretStr | None = None

    @model_validator(mode="after")
    def _check_exactly_one(self) -> Self:
        if (self.token is None) == (self.ticket is None):
            raise ValueError("give either a token or a ticket")
        return self


class Hello(Credential):
    type: Literal["hello"] = "hello"
    client: Annotated[str, StringConstraints(max_length=200)] = ""


class Renew(Credential):
    """A new token or ticket of the same account keeps the session."""

    type: Literal["renew"] = "renew"
    id: AnswerId


class Ping(Frozen):
    type: Literal["ping"] = "ping"
    id: AnswerId


class Join(Frozen):
    """Opens a room on this session. Without `after`: a snapshot."""

    type: Literal["join"] = "join"
    id: AnswerId
    room_id: RoomRef
    after: Cursor | None = None


class Leave(Frozen):
    """Closes a room on this session; the membership stays."""

    type: Literal["leave"] = "leave"
    id: AnswerId
    room_id: RoomRef


SessionRequest = Hello | Renew | Ping | Join | Leave

session_request_adapter: TypeAdapter[SessionRequest] = TypeAdapter(
    Annotated[SessionRequest, Field(discriminator="type")]
)


class Request(Frozen):
    """A command with what stands around it. `key` makes it idempotent: the same key again is the same event."""

    id: AnswerId
    room_id: RoomRef
    key: IdempotencyKey | None = None
    command: Command
