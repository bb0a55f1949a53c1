"""A network in between that breaks when told to: cuts, swallows what the server says, or lets nobody through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class CuttingProxy:
    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self.is_swallowing = False
        """What the server sends is lost; what the client sends still arrives."""
        self.is_closed = False
        """New connections end at once."""
        self.url = ""
        self.connections = 0
        self.refused = 0
        self.is_refusing = asyncio.Event()
        """Set each time somebody is not let through; clear it to wait for the next."""

    def cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_closed:
            self.refused += 1
            self.is_refusing.set()
            writer.transport.abort()
            return
        self.connections += 1
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._port)
        mine = {writer, server_writer}
        self._writers |= mine
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._pass_on(reader, server_writer, swallows=False))
                tasks.create_task(self._pass_on(server_reader, writer, swallows=True))
        finally:
            self._writers -= mine
            for each in mine:
                each.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, swallows: bool) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                if not (swallows and self.is_swallowing):
                    writer.write(data)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def cutting_proxy(port: int) -> AsyncIterator[CuttingProxy]:
    proxy = CuttingProxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
