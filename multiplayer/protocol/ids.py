"""Names of things. All are ULIDs (26 characters of Crockford base 32), made outside and passed in."""

from typing import Annotated, NewType

from pydantic import StringConstraints

Ulid = Annotated[str, StringConstraints(pattern=r"^[0-7][0-9A-HJKMNP-TV-Z]{25}$")]

AccountId = NewType("AccountId", str)
RoomId = NewType("RoomId", str)
MessageId = NewType("MessageId", str)
TurnId = NewType("TurnId", str)
AttachmentId = NewType("AttachmentId", str)
CallId = NewType("CallId", str)
SessionId = NewType("SessionId", str)
