"""The sandbox on the command line: `python -m multiplayer.tools.sandbox`."""

import sys

from multiplayer.tools.sandbox.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
