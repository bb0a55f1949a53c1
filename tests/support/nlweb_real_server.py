"""The real NLWeb server (nlweb-core and nlweb-network 0.7.0) in a process of its own, on a loopback port."""

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 60.0
ENDS_WITHIN_S = 1.0  # with a question still open it would wait for its answer


@asynccontextmanager
async def real_nlweb(delay_s: float = 0.0, *, llm_delay_s: float = 0.0) -> AsyncIterator[str]:
    """Run the server until the block ends; yields its base URL, ready to be asked.

    `delay_s` is how long retrieval takes, `llm_delay_s` how long each of the server's own model calls takes (it gives
    up on one after 8 s). Words in the question are further switches: see `tests/support/nlweb_real/providers.py`.
    """
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listening:
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        log = Path(folder) / "server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.support.nlweb_real.serve",
                str(listening.fileno()),
                cwd=folder,  # the server makes folders for data where it runs
                env={
                    "PATH": os.defpath,
                    "PYTHONPATH": str(ROOT),
                    "PYTHON_DOTENV_DISABLED": "1",
                    "STUB_DELAY_S": str(delay_s),
                    "STUB_LLM_DELAY_S": str(llm_delay_s),
                },
                pass_fds=(listening.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            listening.close()  # only the server holds it now: when it dies, nobody waits
            await _until_ready(base_url, log)
            yield base_url
        finally:
            await _end(process)


async def _until_ready(base_url: str, log: Path) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=STARTS_WITHIN_S) as client:
        try:
            answer = await client.get(f"{base_url}/health")
            answer.raise_for_status()
        except httpx.HTTPError as error:
            said = await asyncio.to_thread(log.read_text, errors="replace")
            raise RuntimeError(f"the NLWeb server did not start:\n{said}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), ENDS_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
