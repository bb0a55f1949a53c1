"""The plain peer of uploads: Starlette on stock uvicorn, one endpoint that writes what comes into a file and does no more."""

import argparse
import os
import tempfile
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


def application(folder: Path) -> Starlette:
    async def take(request: Request) -> PlainTextResponse:
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            async for piece in request.stream():
                file.write(piece)
            size = file.tell()
        os.unlink(file.name)  # noqa: PTH108 - as plain as can be
        return PlainTextResponse(str(size))

    async def ready(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("ready")

    return Starlette(routes=[Route("/files", take, methods=["POST"]), Route("/readyz", ready)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("folder", type=Path)
    asked = parser.parse_args()
    uvicorn.run(application(asked.folder), host="127.0.0.1", port=asked.port, log_level="warning")


if __name__ == "__main__":
    main()
