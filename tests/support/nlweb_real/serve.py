"""Runs the real NLWeb server in this process, on a listening socket that it inherits by number."""

import socket
import sys
from pathlib import Path

from aiohttp import web
from nlweb_core.config import initialize_config  # type: ignore[import-untyped] # the package has no types
from nlweb_network.server import create_app  # type: ignore[import-untyped] # the package has no types


def main() -> None:
    initialize_config(Path(__file__).with_name("config.yaml"))
    # Never the package's own `main`: it binds every address of the machine, with open configuration routes.
    web.run_app(create_app(), sock=socket.socket(fileno=int(sys.argv[1])), print=None)


if __name__ == "__main__":
    main()
