"""Webhooks of a room: a way in for other programs. Each fires one rule, in the name of who set it."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from multiplayer.auth.random_secrets import SecretKind, digest_of, mint
from multiplayer.live.audit import Origin
from multiplayer.live.batch import Done
from multiplayer.live.clock import Clock
from multiplayer.live.directory import Directory
from multiplayer.live.room_host import RoomHost
from multiplayer.live.unattended import fire
from multiplayer.protocol.errors import RefusalCode, Refused
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.protocol.inner_commands import FireRule
from multiplayer.protocol.trigger_rules import WebhookRule
from multiplayer.protocol.values import Frozen, UtcTime
from multiplayer.rooms.limits import TokenBucket
from multiplayer.rooms.permissions import Right
from multiplayer.rooms.triggers import rule_of
from multiplayer.storage.ai_port import StoredHook
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.port import Storage

MAX_HOOKS: Final = 50
"""Of one room, without the revoked ones."""
MAX_NOTE_BYTES: Final = 16 * 1024
_MAX_BUCKETS: Final = 20_000


class HookView(Frozen):
    id: str
    rule_id: str
    created_by: AccountId
    created_at: UtcTime
    revoked_at: UtcTime | None = None


class HookList(Frozen):
    """Oldest first, the revoked ones, too."""

    hooks: tuple[HookView, ...]


class HookMade(Frozen):
    """`secret` is shown this once: whoever holds it sends it as `Authorization: Bearer`, never in an address."""

    hook: HookView
    secret: str


class Hooks:
    def __init__(self, storage: Storage, directory: Directory, clock: Clock) -> None:
        self._storage = storage
        self._directory = directory
        self._clock = clock
        self._buckets: dict[tuple[str, int], TokenBucket] = {}

    async def create(self, room_id: RoomId, by: AccountId, rule_id: str, *, origin: Origin) -> HookMade:
        """Make a secret that fires this webhook rule of the room."""
        host = await self._directory.host(room_id)
        host.room.check(by, Right.WEBHOOKS)
        rule = _webhook_rule(host, rule_id)
        living = [hook for hook in await self._storage.hooks(room_id) if hook.revoked_at is None]
        if len(living) >= MAX_HOOKS:
            raise Refused(RefusalCode.LIMIT_REACHED, f"a room may have at most {MAX_HOOKS} webhooks: revoke one")
        secret = mint(SecretKind.HOOK)
        hook = StoredHook(
            id=self._clock.new_id(),
            room_id=room_id,
            rule_id=rule_id,
            created_by=by,
            created_at=self._clock.now(),
            revoked_at=None,
            rule_key=rule.key,
        )
        await self._storage.add_hook(hook, secret.sha256, audit=self._audit(hook, by, origin, "hook_created"))
        return HookMade(hook=_view(hook), secret=secret.text)

    async def list(self, room_id: RoomId, reader_id: AccountId) -> HookList:
        return HookList(hooks=tuple(_view(hook) for hook in await self._stored(room_id, reader_id)))

    async def revoke(self, room_id: RoomId, by: AccountId, hook_id: str, *, origin: Origin) -> None:
        hook = next((one for one in await self._stored(room_id, by) if one.id == hook_id), None)
        if hook is None:
            raise Refused(RefusalCode.NOT_FOUND, "there is no such webhook in this room")
        audit = self._audit(hook, by, origin, "hook_revoked")
        if not await self._storage.revoke_hook(room_id, hook_id, at=self._clock.now(), audit=audit):
            raise Refused(RefusalCode.NO_CHANGE, "this webhook is revoked already")

    async def fire(self, secret: str, note: str, *, key: str | None = None) -> Done:
        """Let the rule of this secret fire, with `note` as what it brought; the same `key` again is the same request.

        Refuses `unauthenticated` for a secret that fires nothing, and whatever the room says of its rule.
        """
        digest = digest_of(secret, SecretKind.HOOK)
        hook = await self._storage.find_hook(digest) if digest is not None else None
        if hook is None:
            raise Refused(RefusalCode.UNAUTHENTICATED, "this is no webhook's secret that this server knows")
        host = await self._directory.host(hook.room_id)
        rule = _webhook_rule(host, hook.rule_id)
        if rule.key != hook.rule_key:
            # Of the same name, but made anew since: nobody meant it for who holds this secret.
            raise _no_such_rule()
        self._check_rate(hook, rule)
        command = FireRule(rule_id=rule.id, note=note)
        return await fire(self._storage, host, rule.set_by, command, key=_key(hook, key), origin="http")

    async def _stored(self, room_id: RoomId, reader_id: AccountId) -> Sequence[StoredHook]:
        host = await self._directory.host(room_id)
        host.room.check(reader_id, Right.WEBHOOKS)
        return await self._storage.hooks(room_id)

    def _check_rate(self, hook: StoredHook, rule: WebhookRule) -> None:
        """Each secret may be used as often as its rule may fire; what the room refuses counts, too."""
        now_s = self._clock.monotonic_s()
        bucket = self._buckets.get((hook.id, rule.per_min))
        if bucket is None:
            if len(self._buckets) >= _MAX_BUCKETS:
                self._buckets = {key: kept for key, kept in self._buckets.items() if not kept.is_full(now_s)}
            bucket = self._buckets[hook.id, rule.per_min] = TokenBucket(rule.per_min / 60, rule.per_min, now_s)
        wait_s = bucket.take(now_s)
        if wait_s:
            raise Refused(
                RefusalCode.RATE_LIMITED,
                f"this webhook may be called {rule.per_min} times a minute",
                retry_after_s=wait_s,
            )

    def _audit(self, hook: StoredHook, by: AccountId, origin: Origin, action: str) -> AuditEntry:
        return AuditEntry(
            at=self._clock.now(), actor_id=by, origin=origin, action=action, subject=hook.id, after=hook.rule_id
        )


def _webhook_rule(host: RoomHost, rule_id: str) -> WebhookRule:
    rule = rule_of(host.room.state, rule_id)
    if not isinstance(rule, WebhookRule):
        raise _no_such_rule()
    return rule


def _no_such_rule() -> Refused:
    return Refused(RefusalCode.NOT_FOUND, "there is no such webhook rule in this room")


def _key(hook: StoredHook, key: str | None) -> str | None:
    # Of one length whatever was sent, and apart from the keys that the rule's setter uses.
    return None if key is None else f"hook:{sha256(f'{hook.id}/{key}'.encode()).hexdigest()[:48]}"


def _view(hook: StoredHook) -> HookView:
    return HookView(
        id=hook.id,
        rule_id=hook.rule_id,
        created_by=hook.created_by,
        created_at=hook.created_at,
        revoked_at=hook.revoked_at,
    )
