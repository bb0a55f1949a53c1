"""Reaching the net: only what was looked at, and only as it was looked at."""
