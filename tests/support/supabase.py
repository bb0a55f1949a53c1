"""A stand-in for a Supabase project's sign-in service: signs real tokens, serves its keys over loopback, checks what it is shown."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import jwt
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from typing_extensions import override

ALICE_SUBJECT: Final = "0b8f2a52-6c1f-4a39-9c7e-2f7a1c1d9a01"
BOB_SUBJECT: Final = "7d4c9a10-11aa-4f0e-8a53-5b0f6f3f2b02"

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
Claim = object


class SupabaseStandIn:
    """One project. `url` is what SUPABASE_URL would be; `shared_secret` signs the HS256 tokens of older projects."""

    def __init__(self, url: str, now: Callable[[], datetime]) -> None:
        self.url = url
        self.issuer = f"{url}/auth/v1"
        self.shared_secret = "stand-in-shared-secret-of-at-least-32-bytes"
        self.jwks_fetches = 0
        self.is_down = False
        self.jwks_answer: Callable[[], Response] | None = None
        """When set, the key set route answers this instead: a redirect, garbage, too much."""
        self.now = now
        self._keys: dict[str, tuple[str, PrivateKey]] = {}
        self.kid = self.add_key()

    def add_key(self, algorithm: str = "ES256") -> str:
        """Publish one more key and return its id. Tokens go on to be signed with `kid`'s."""
        kid = str(uuid4())
        private: PrivateKey
        match algorithm:
            case "ES256":
                private = ec.generate_private_key(ec.SECP256R1())
            case "RS256":
                private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            case "EdDSA":
                private = ed25519.Ed25519PrivateKey.generate()
            case _:
                raise ValueError(algorithm)
        self._keys[kid] = (algorithm, private)
        return kid

    def rotate(self) -> str:
        """Sign with a new key from now on, and no longer publish the ones before."""
        self._keys.clear()
        self.kid = self.add_key()
        return self.kid

    def go_down(self) -> None:
        """Answer everything with 503 until `come_back`."""
        self.is_down = True

    def come_back(self) -> None:
        self.is_down = False

    def claims(self, **changes: Claim) -> dict[str, Claim]:
        """What GoTrue puts in a token of alice's; a change to None leaves the claim out."""
        at = int(self.now().timestamp())
        claims: dict[str, Claim] = {
            "iss": self.issuer,
            "sub": ALICE_SUBJECT,
            "aud": "authenticated",
            "exp": at + 3600,
            "iat": at,
            "email": "alice@example.org",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"name": "Alice"},
            "role": "authenticated",
            "aal": "aal1",
            "amr": [{"method": "password", "timestamp": at}],
            "session_id": str(uuid4()),
            "is_anonymous": False,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def token(self, *, kid: str | None = None, header: Mapping[str, Claim] | None = None, **changes: Claim) -> str:
        """Return a token signed with the current key (or that of `kid`); `header` adds to or replaces its header."""
        algorithm, private = self._keys[kid or self.kid]
        headers = {"kid": kid or self.kid, **(header or {})}
        return jwt.encode(self.claims(**changes), private, algorithm=algorithm, headers=headers)

    def shared_secret_token(self, **changes: Claim) -> str:
        """Return a token of an older project, signed with the shared secret."""
        return jwt.encode(self.claims(**changes), self.shared_secret, algorithm="HS256")

    def public_pem(self, kid: str | None = None) -> bytes:
        """Return a published key as the text that a confused verifier would take for a shared secret."""
        _, private = self._keys[kid or self.kid]
        return private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def private_jwk(self) -> str:
        """Return the current signing key as a JSON Web Key that gives its secret away, as no project should publish."""
        algorithm, private = self._keys[self.kid]
        whole: dict[str, Claim] = json.loads(jwt.get_algorithm_by_name(algorithm).to_jwk(private, as_dict=False))
        return json.dumps(whole | {"kid": self.kid, "alg": algorithm, "key_ops": ["sign", "verify"]})

    def jwks(self) -> dict[str, list[dict[str, Claim]]]:
        """Return the key set as published."""
        return {"keys": [self._jwk(kid, *pair) for kid, pair in self._keys.items()]}

    def _jwk(self, kid: str, algorithm: str, private: PrivateKey) -> dict[str, Claim]:
        implementation = jwt.get_algorithm_by_name(algorithm)
        public: dict[str, Claim] = json.loads(implementation.to_jwk(private.public_key(), as_dict=False))
        return {**public, "kid": kid, "alg": algorithm, "use": "sig", "key_ops": ["verify"]}

    async def serve_jwks(self, _request: Request) -> Response:
        self.jwks_fetches += 1
        if self.is_down:
            return Response(status_code=503)
        return self.jwks_answer() if self.jwks_answer is not None else JSONResponse(self.jwks())

    async def serve_user(self, request: Request) -> Response:
        if self.is_down:
            return Response(status_code=503)
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claims = self._verified(token if scheme.lower() == "bearer" else "")
        except (jwt.PyJWTError, KeyError) as error:
            body = {"code": 403, "error_code": "bad_jwt", "msg": f"invalid JWT: {type(error).__name__}"}
            return JSONResponse(body, status_code=403)
        at = datetime.now(UTC).isoformat()
        return JSONResponse(
            {
                "id": claims["sub"],
                "aud": claims["aud"],
                "role": claims["role"],
                "email": claims.get("email"),
                "phone": claims.get("phone"),
                "email_confirmed_at": at,
                "confirmed_at": at,
                "last_sign_in_at": at,
                "app_metadata": claims.get("app_metadata", {}),
                "user_metadata": claims.get("user_metadata", {}),
                "identities": [],
                "created_at": at,
                "updated_at": at,
                "is_anonymous": claims.get("is_anonymous", False),
            }
        )

    def _verified(self, token: str) -> dict[str, Claim]:
        header = jwt.get_unverified_header(token)
        options: jwt.types.Options = {"require": ["exp", "sub", "role"]}
        if header["alg"] == "HS256":
            return jwt.decode(
                token, self.shared_secret, algorithms=["HS256"], audience="authenticated", options=options
            )
        algorithm, private = self._keys[header["kid"]]
        return jwt.decode(
            token, private.public_key(), algorithms=[algorithm], audience="authenticated", options=options
        )


class _Server(uvicorn.Server):
    """Leaves the signals of the process to the test run."""

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def _wall_clock() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def supabase_stand_in(now: Callable[[], datetime] = _wall_clock) -> AsyncIterator[SupabaseStandIn]:
    """Serve a project on an ephemeral loopback port until the block ends. `now` dates its tokens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        project = SupabaseStandIn(f"http://127.0.0.1:{port}", now)
        app = Starlette(
            routes=[
                Route("/auth/v1/.well-known/jwks.json", project.serve_jwks),
                Route("/auth/v1/user", project.serve_user),
            ]
        )
        server = _Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listener]))
            try:
                yield project
            finally:
                server.should_exit = True
