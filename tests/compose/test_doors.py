"""Which ways to sign in a server opens by its settings, and which key of a Supabase project it shows to all."""

import base64
import json
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from multiplayer.auth.port import SupabasePage
from multiplayer.compose.doors import sign_in_doors
from multiplayer.live.clock import Clock
from multiplayer.settings import BadSettings, load_settings
from multiplayer.storage.memory import MemoryStorage

URL = "https://project.supabase.co"


def jwt_of(role: str) -> str:
    parts = [{"alg": "HS256", "typ": "JWT"}, {"iss": "supabase", "ref": "canaryproject", "role": role}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


async def page_for(folder: Path, **settings: object) -> SupabasePage | None:
    clock = Clock(now=lambda: datetime.now(UTC), monotonic_s=lambda: 0.0, new_id=lambda: "id")
    async with AsyncExitStack() as stack:
        loaded = load_settings(folder, **settings)
        return (await sign_in_doors(loaded, MemoryStorage(), clock, stack)).supabase_page


@pytest.mark.parametrize("key", [jwt_of("anon"), "sb_publishable_0123456789abcdef"])
async def test_the_sign_in_page_is_told_of_supabase_once_there_is_its_public_key(tmp_path: Path, key: str) -> None:
    ways = {"supabase_providers": "password,github"}
    assert await page_for(tmp_path, supabase_url=URL) is None
    shown = await page_for(tmp_path, supabase_url=f"{URL}/", supabase_anon_key=key, **ways)
    assert shown == SupabasePage(URL, key, ("password", "github"))


@pytest.mark.parametrize(
    "key",
    [
        jwt_of("service_role"),
        jwt_of("authenticated"),
        "sb_secret_canary0123456789",
        "a canary that is a shared secret of the project",
        jwt_of("anon") + " canary",
        "canary." + jwt_of("anon").split(".")[1],
    ],
)
async def test_a_key_that_is_not_the_public_one_is_refused_and_not_repeated(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadSettings, match="SUPABASE_ANON_KEY") as refused:
        await page_for(tmp_path, supabase_url=URL, supabase_anon_key=key)
    assert "canary" not in str(refused.value)
    assert key not in str(refused.value)
