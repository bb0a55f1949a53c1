"""A small web on loopback: sites at pretended public addresses, a name service that can lie, and a canary behind it all.

Whatever the guard lets through to an address that no site has ends at the canary, so a breach is seen by its effect.
"""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC = "93.184.216.34"
OTHER_PUBLIC = "151.101.1.69"

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Given the head of a request; what it writes is the answer. It may end early: the connection is closed after it."""


def plain(
    body: bytes | str = b"", *, status: str = "200 OK", content_type: str | None = "text/plain", **headers: str
) -> Answer:
    """Answer the same each time. `headers`: their underscores are hyphens."""
    data = body.encode() if isinstance(body, str) else body
    given = {"Content-Length": str(len(data))} | ({"Content-Type": content_type} if content_type else {})
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())

    async def answer(_: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + data)
        await writer.drain()

    return answer


def redirect(location: str, status: str = "302 Found") -> Answer:
    return plain(b"", status=status, Location=location)


@dataclass
class Site:
    """A listener, and all that came to it."""

    address: str
    port: int
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    """What TLS clients asked for (SNI)."""

    @property
    def paths(self) -> list[str]:
        return [head.split(b" ")[1].decode() for head in self.heads]


@asynccontextmanager
async def listening(
    answer: Answer, *, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    """Serve on a port of the system's choice."""
    site = Site(address, 0)
    busy: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        site.connections += 1
        task = asyncio.current_task()
        assert task is not None
        busy.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                head = await reader.readuntil(b"\r\n\r\n")
                site.heads.append(head)
                await answer(head, writer)
        finally:
            busy.discard(task)
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()

    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: site.names.append(name)
    server = await asyncio.start_server(serve, address, port, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        still = list(busy)
        for task in still:
            task.cancel()
        if still:
            await asyncio.wait(still)


@dataclass
class WebStage:
    """`resolve` and `route` are what a guard is given."""

    canary: Site
    canary_6: Site
    names: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    """What each name resolves to, answer by answer; the last one stays."""
    places: dict[tuple[str, int], Site] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    dialled: list[tuple[str, int]] = field(default_factory=list)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def breaches(self) -> int:
        return self.canary.connections + self.canary_6.connections

    async def resolve(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answers = self.names.get(host)
        if not answers:
            raise OSError("no such name")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def route(self, address: str, port: int) -> tuple[str, int]:
        self.dialled.append((address, port))
        site = self.places.get((address, port))
        if site is None:
            site = self.canary_6 if ":" in address else self.canary
        return site.address, site.port

    async def site(
        self,
        answer: Answer,
        name: str = "example.com",
        *,
        at: str = PUBLIC,
        port: int = 80,
        tls: ssl.SSLContext | None = None,
    ) -> Site:
        """Put a site on the pretended net, with a name."""
        site = await self.stack.enter_async_context(listening(answer, tls=tls))
        self.places[at, port] = site
        self.names.setdefault(name, [[at]])
        return site

    async def own(self, answer: Answer) -> Site:
        """Put a site where it really is: on loopback, with its own port, as something of the operator's would be."""
        site = await self.stack.enter_async_context(listening(answer))
        self.places[site.address, site.port] = site
        return site


@asynccontextmanager
async def web_stage() -> AsyncIterator[WebStage]:
    secret = plain("the canary's secret")
    async with (
        listening(secret) as canary,
        listening(secret, address="::1") as canary_6,
        AsyncExitStack() as stack,
    ):
        yield WebStage(canary, canary_6, stack=stack)


@dataclass(frozen=True)
class Authority:
    """Signs certificates that only `trusting` clients accept."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test's own authority")])
        certificate = (
            _unsigned(name, name, key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        return cls(folder, key, certificate)

    def serving(self, *names: str) -> ssl.SSLContext:
        """Return what a server needs to be known by these names or IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            _unsigned(subject, self.certificate.subject, key)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        file = self.folder / f"{names[0]}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def trusting(self) -> ssl.SSLContext:
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)


def _unsigned(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
