"""The Python SDK: one call hides reconnecting and catching up; everything that comes out is typed."""

from multiplayer.client.client import Client
from multiplayer.client.errors import ConnectionLost, FileChanged, FileDamaged, NotSignedIn, UploadFailed
from multiplayer.client.files import Files, files_at
from multiplayer.client.lines import Line, Lines, RoomWord
from multiplayer.client.room import Room, Sent
from multiplayer.client.status import Connectivity, Status
from multiplayer.protocol.errors import RefusalCode, Refused

__all__ = [
    "Client",
    "ConnectionLost",
    "Connectivity",
    "FileChanged",
    "FileDamaged",
    "Files",
    "Line",
    "Lines",
    "NotSignedIn",
    "RefusalCode",
    "Refused",
    "Room",
    "RoomWord",
    "Sent",
    "Status",
    "UploadFailed",
    "files_at",
]
