"""Where commands run: what this machine can enforce, and one door to run a command in it."""
