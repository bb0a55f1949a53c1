"""Rooms that are running here: their order, their fan-out, the sessions and AI seats in them."""
