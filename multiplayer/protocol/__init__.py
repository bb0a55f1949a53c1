"""The words everyone shares: commands, events, signals, errors, and their form on the wire."""
