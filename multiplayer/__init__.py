"""Multiplayer: the room where a team and its AI work together."""
