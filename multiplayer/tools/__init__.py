"""What an AI member can do in a room's workspace: files, and one sandboxed command at a time."""
