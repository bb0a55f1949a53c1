"""The rules of a room, as pure code: no clock, no socket, no database."""
