"""The file tools: by descriptor inside the workspace, never starting a process."""
