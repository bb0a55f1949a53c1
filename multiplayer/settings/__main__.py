"""`python -m multiplayer.settings`: print `.env.example`."""

import sys

from multiplayer.settings.telling import example

if __name__ == "__main__":
    sys.stdout.write(example())
