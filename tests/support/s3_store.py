"""A stand-in for Amazon S3 in a process of its own: moto, behind a door that verifies signatures, which moto does not.

Run as a script it is that server: it says its port in a line of JSON and lives until its standard input closes. The
signatures are computed by botocore, Amazon's own.
"""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Final
from urllib.parse import parse_qs, quote, unquote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth  # type: ignore[import-untyped]  # has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # has no types
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # has no types
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from typing_extensions import override
from werkzeug.serving import WSGIRequestHandler, make_server

REGION: Final = "eu-west-1"
KEY_ID: Final = "AKIATESTTESTTESTTEST"
SECRET: Final = "test/only+secret"


@contextmanager
def s3_store() -> Iterator[str]:
    """Run the server until the block ends; yields its endpoint."""
    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"the S3 stand-in ended with {process.wait()} before it was ready"
            yield f"http://127.0.0.1:{json.loads(line)['port']}"
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


class _RefusedError(Exception):
    """What S3 answers to a request that it does not take."""


class _Door:
    """Lets through what is signed with our key, in time, for exactly this request."""

    def __init__(self, inside: WSGIApplication) -> None:
        self._inside = inside

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            _verify(environ)
        except (_RefusedError, KeyError, ValueError, IndexError) as refused:
            code = str(refused) if isinstance(refused, _RefusedError) else "AccessDenied"
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>refused</Message></Error>".encode()
            status = "400 Bad Request" if code == "XAmzContentSHA256Mismatch" else "403 Forbidden"
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
        return self._inside(environ, start)


def _verify(environ: WSGIEnvironment) -> None:
    query: str = environ["QUERY_STRING"]
    if "X-Amz-Algorithm" in query or "X-Amz-Signature" in query:
        _verify_query(environ, query)
    else:
        _verify_header(environ, query)


def _verify_query(environ: WSGIEnvironment, query: str) -> None:
    values = {name: value[0] for name, value in parse_qs(query, strict_parsing=True, keep_blank_values=True).items()}
    signature = values["X-Amz-Signature"]
    rest = "&".join(pair for pair in query.split("&") if not pair.startswith("X-Amz-Signature="))
    at = datetime.strptime(values["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    if not 0 < int(values["X-Amz-Expires"]) <= 604_800 or "host" not in values["X-Amz-SignedHeaders"].split(";"):
        raise _RefusedError("AuthorizationQueryParametersError")
    auth = S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", REGION, expires=int(values["X-Amz-Expires"]))
    wanted = _signature(auth, environ, rest, values["X-Amz-SignedHeaders"], values["X-Amz-Date"])
    scope = f"{KEY_ID}/{values['X-Amz-Date'][:8]}/{REGION}/s3/aws4_request"
    if signature != wanted or values["X-Amz-Credential"] != scope:
        raise _RefusedError("SignatureDoesNotMatch")
    if datetime.now(UTC) >= at + timedelta(seconds=int(values["X-Amz-Expires"])):
        raise _RefusedError("AccessDenied")


def _verify_header(environ: WSGIEnvironment, query: str) -> None:
    algorithm, _, said = environ["HTTP_AUTHORIZATION"].partition(" ")
    fields = dict(part.strip().split("=", 1) for part in said.split(","))
    if algorithm != "AWS4-HMAC-SHA256" or not fields["Credential"].startswith(f"{KEY_ID}/"):
        raise _RefusedError("InvalidAccessKeyId")
    if "HTTP_X_AMZ_SECURITY_TOKEN" in environ:
        raise _RefusedError("InvalidToken")  # our key is a lasting one
    auth = S3SigV4Auth(Credentials(KEY_ID, SECRET), "s3", REGION)
    if fields["Signature"] != _signature(auth, environ, query, fields["SignedHeaders"], environ["HTTP_X_AMZ_DATE"]):
        raise _RefusedError("SignatureDoesNotMatch")
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    if hashlib.sha256(body).hexdigest() != environ["HTTP_X_AMZ_CONTENT_SHA256"]:
        raise _RefusedError("XAmzContentSHA256Mismatch")


def _signature(auth: S3SigV4Auth, environ: WSGIEnvironment, query: str, names: str, at: str) -> str:
    headers = {name: _header(environ, name) for name in names.split(";")}
    path = environ["RAW_URI"].partition("?")[0]
    # Amazon writes the query anew before it signs; clients may have written it otherwise.
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    canonical = "&".join("=".join(quote(unquote(half), safe="-_.~") for half in pair) for pair in pairs)
    url = f"http://{environ['HTTP_HOST']}{path}?{canonical}"
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers)
    request.context["timestamp"] = at
    signature: str = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return signature


def _header(environ: Mapping[str, str], name: str) -> str:
    cgi = name.upper().replace("-", "_")
    return environ[cgi if cgi in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{cgi}"]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    @override
    def log(self, *_: object) -> None:
        pass


def _serve() -> None:
    app: Callable[..., Iterable[bytes]] = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, _Door(app), threaded=True, request_handler=_Quiet)
    sys.stdout.write(json.dumps({"port": server.server_port}) + "\n")
    sys.stdout.flush()
    # It ends with whoever started it, also if that was killed.
    Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    _serve()
