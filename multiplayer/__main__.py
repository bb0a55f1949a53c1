"""`multiplayer`, and `python -m multiplayer`."""

from multiplayer.cli.app import main

if __name__ == "__main__":
    main()
