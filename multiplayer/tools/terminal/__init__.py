"""Running commands for a turn: in the foreground, and as background jobs."""
