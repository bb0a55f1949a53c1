"""A folder on this machine that follows a room's workspace."""
