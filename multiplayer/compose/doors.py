"""Every way to sign in: passwords, links, tokens, tickets, and Supabase where it is set."""

from contextlib import AsyncExitStack

import httpx

from multiplayer.auth.access_tokens import AccessTokens
from multiplayer.auth.identify import AnyToken
from multiplayer.auth.local import LocalAccounts, SignIns
from multiplayer.auth.passwords import Passwords
from multiplayer.auth.port import SupabasePage
from multiplayer.auth.signing_keys import SigningKeys
from multiplayer.auth.supabase import SupabaseTokens, check_anon_key, check_supabase_url, keys_url
from multiplayer.auth.tickets import Tickets
from multiplayer.live.clock import Clock
from multiplayer.live.pod import SignInDoors
from multiplayer.settings import BadSettings, Settings
from multiplayer.storage.port import Storage


async def sign_in_doors(settings: Settings, storage: Storage, clock: Clock, stack: AsyncExitStack) -> SignInDoors:
    """Return the doors; `stack` closes what they hold. Raises `BadSettings`."""
    access_tokens = AccessTokens(storage, now=clock.now, new_id=clock.new_id)
    sign_ins = SignIns(storage, now=clock.now, new_id=clock.new_id)
    passwords = Passwords()
    stack.callback(passwords.close)
    supabase: SupabaseTokens | None = None
    if settings.supabase_url is not None:
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        try:
            url = check_supabase_url(settings.supabase_url)
            secret = settings.supabase_jwt_secret
            supabase = SupabaseTokens(
                storage,
                SigningKeys(keys_url(url), http, now=clock.now),
                url=url,
                now=clock.now,
                new_id=clock.new_id,
                shared_secret=secret.get_secret_value() if secret else None,
                allow_anonymous=settings.supabase_allow_anonymous,
            )
        except ValueError as error:
            raise BadSettings(f"SUPABASE_URL or SUPABASE_JWT_SECRET: {error}") from None
    page = _page(settings)
    return SignInDoors(
        authenticator=AnyToken(access_tokens, sign_ins, supabase),
        access_tokens=access_tokens,
        sign_ins=sign_ins,
        local=LocalAccounts(storage, passwords, sign_ins, now=clock.now),
        tickets=Tickets(storage, now=clock.now),
        has_supabase=supabase is not None,
        supabase_page=page,
    )


def _page(settings: Settings) -> SupabasePage | None:
    if settings.supabase_url is None or settings.supabase_anon_key is None:
        return None
    try:
        key = check_anon_key(settings.supabase_anon_key.get_secret_value())
    except ValueError as error:
        raise BadSettings(f"SUPABASE_ANON_KEY: {error}") from None
    return SupabasePage(check_supabase_url(settings.supabase_url), key, settings.supabase_providers)
