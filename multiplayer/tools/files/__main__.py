"""The file tools on the command line: `python -m multiplayer.tools.files`."""

import sys

from multiplayer.tools.files.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
