"""Where files' bytes lie: one port, and adapters for a local folder and for object stores."""
