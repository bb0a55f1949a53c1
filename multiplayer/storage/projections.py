"""What rarer events change beside the log, in the same transaction: rooms, members, pins, notes, summaries, the audit."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from multiplayer.protocol.events import (
    BanLifted,
    Event,
    MemberJoined,
    MemberLeft,
    MemberRemoved,
    MessageDeleted,
    MessagePinned,
    MessageUnpinned,
    RoleChanged,
    RoomArchived,
    RoomCreated,
    RoomDeleted,
    RoomRenamed,
    RoomSettingsSet,
    SummaryUpdated,
    TopicSet,
)
from multiplayer.protocol.ids import AccountId, MessageId, RoomId
from multiplayer.protocol.members import Member, Role
from multiplayer.rooms.notes import RoomNotes, notes_change
from multiplayer.storage.attachment_projection import project_attachments
from multiplayer.storage.audit_chain import SERVER_CHAIN, ChainHead, ChainLink, linked
from multiplayer.storage.audit_port import AuditEntry
from multiplayer.storage.database import Connection, columns
from multiplayer.storage.forgetting import forget_facts, forget_files, keep_further_lines
from multiplayer.storage.forgotten_tools import Gone, forget_tools, keep_tool_lines
from multiplayer.storage.message_projection import project_messages
from multiplayer.storage.port import Append
from multiplayer.storage.queries import Queries
from multiplayer.storage.summary_rows import summary_row
from multiplayer.storage.turn_projection import project_turns

_Key = tuple[RoomId, AccountId]
_NewRole = tuple[Role, bool]
"""The role, and whether the end of the membership stays."""


async def project(connection: Connection, queries: Queries, appends: Sequence[Append]) -> None:
    """Write what `appends` (stored a moment ago, in this transaction) change. Raises `Unfit`."""
    events = [new.event for append in appends for new in append.events]
    gone = Gone()
    # First what a deletion among these events takes out again.
    await _project_summaries(connection, queries, events)
    await keep_further_lines(connection, queries, events)
    await keep_tool_lines(connection, queries, events)
    await project_messages(connection, queries, events, gone)
    await project_attachments(connection, queries, events)
    await forget_files(connection, queries, events, gone)
    await forget_facts(connection, queries, events)
    await project_turns(connection, queries, events)
    await forget_tools(connection, queries, events, gone)
    await _project_rooms(connection, queries, events)
    await _project_members(connection, queries, events)
    await _project_pins(connection, queries, events)
    await _project_notes(connection, queries, events)
    entries: dict[RoomId, list[AuditEntry]] = defaultdict(list)
    for append in appends:
        if append.audit:
            entries[append.room_id] += append.audit
    await append_room_audit(connection, queries, entries)


async def _project_rooms(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    changes: dict[RoomId, dict[str, object]] = defaultdict(dict)
    for event in events:
        match event:
            case RoomRenamed():
                changes[event.room_id]["name"] = event.name
            case TopicSet():
                changes[event.room_id]["topic"] = event.topic
            case RoomSettingsSet():
                changes[event.room_id]["settings"] = event.settings.model_dump_json()
            case RoomArchived():
                archived_at = event.at if event.is_archived else None
                changes[event.room_id] |= {"archives": True, "archived_at": archived_at}
            case RoomDeleted():
                changes[event.room_id]["deleted_at"] = event.at
            case _:
                pass
    if not changes:
        return
    rows: list[tuple[object, ...]] = [
        (
            room_id,
            change.get("name"),
            change.get("topic"),
            change.get("settings"),
            change.get("archives", False),
            change.get("archived_at"),
            change.get("deleted_at"),
        )
        for room_id, change in changes.items()
    ]
    await connection.execute(queries["change_rooms"], *columns(rows))
    deleted = [room_id for room_id, change in changes.items() if "deleted_at" in change]
    if deleted:
        await connection.execute(queries["drop_parts_of_rooms"], deleted)
        await connection.execute(queries["drop_digests_of_rooms"], deleted)


async def _project_members(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    members: dict[_Key, Member | _NewRole | None] = {}
    bans: dict[_Key, bool] = {}
    for event in events:
        match event:
            case RoomCreated():
                members |= {(event.room_id, member.account_id): member for member in event.members}
            case MemberJoined():
                members[event.room_id, event.member.account_id] = event.member
            case MemberLeft() | MemberRemoved():
                members[event.room_id, event.account_id] = None
                if isinstance(event, MemberRemoved) and event.is_banned:
                    bans[event.room_id, event.account_id] = True
            case BanLifted():
                bans[event.room_id, event.account_id] = False
            case RoleChanged():
                key = (event.room_id, event.account_id)
                members[key] = _with_role(members.get(key), event.role)
            case _:
                pass
    removed: list[tuple[object, ...]] = [key for key, change in members.items() if change is None]
    roles: list[tuple[object, ...]] = [(*key, *change) for key, change in members.items() if isinstance(change, tuple)]
    put: list[tuple[object, ...]] = [
        (
            room_id,
            change.account_id,
            change.kind,
            change.handle,
            change.display_name,
            change.role,
            change.joined_at,
            change.joined_seq,
            change.until,
        )
        for (room_id, _), change in members.items()
        if isinstance(change, Member)
    ]
    banned: list[tuple[object, ...]] = [key for key, is_banned in bans.items() if is_banned]
    lifted: list[tuple[object, ...]] = [key for key, is_banned in bans.items() if not is_banned]
    for name, rows in (
        ("remove_members", removed),
        ("change_roles", roles),
        ("put_members", put),
        ("put_bans", banned),
        ("lift_bans", lifted),
    ):
        if rows:
            await connection.execute(queries[name], *columns(rows))


def _with_role(before: "Member | _NewRole | None", role: Role) -> "Member | _NewRole":
    keeps_until = role is Role.GUEST
    if isinstance(before, Member):
        return before.model_copy(update={"role": role, "until": before.until if keeps_until else None})
    return role, keeps_until and (before is None or before[1])


async def _project_pins(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    added: dict[tuple[RoomId, int], MessageId] = {}
    removed: dict[tuple[RoomId, MessageId], None] = {}
    for event in events:
        match event:
            case MessagePinned():
                added[event.room_id, event.seq] = event.message_id
            case MessageUnpinned() | MessageDeleted():
                removed[event.room_id, event.message_id] = None
                gone = [at for at, pin in added.items() if at[0] == event.room_id and pin == event.message_id]
                for at in gone:
                    del added[at]
            case _:
                pass
    if removed:
        await connection.execute(queries["remove_pins"], *columns(list(removed)))
    if added:
        rows: list[tuple[object, ...]] = [(*at, message_id) for at, message_id in added.items()]
        await connection.execute(queries["put_pins"], *columns(rows))


async def _project_summaries(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    rows = [summary_row(event) for event in events if isinstance(event, SummaryUpdated)]
    if rows:
        await connection.execute(queries["put_summaries"], *columns(rows))


async def _project_notes(connection: Connection, queries: Queries, events: Sequence[Event]) -> None:
    changes: dict[RoomId, list[Event]] = defaultdict(list)
    for event in events:
        if notes_change(event):
            changes[event.room_id].append(event)
    if not changes:
        return
    # A room that is made in this transaction has none.
    known = [room_id for room_id, changing in changes.items() if not isinstance(changing[0], RoomCreated)]
    stored = await connection.fetch(queries["notes_to_change"], known) if known else []
    before = {row["room_id"]: RoomNotes.model_validate_json(row["body"]) for row in stored}
    rows: list[tuple[object, ...]] = []
    for room_id, changing in changes.items():
        notes = old = before.get(room_id, RoomNotes())
        for event in changing:
            notes = notes.after(event)
        if notes != old:
            rows.append((room_id, notes.model_dump_json()))
    if rows:
        await connection.execute(queries["put_notes"], *columns(rows))


async def append_room_audit(
    connection: Connection, queries: Queries, entries: Mapping[RoomId, Sequence[AuditEntry]]
) -> None:
    """Write links of rooms' chains. Locks the rooms' rows, if the transaction has not yet."""
    if not entries:
        return
    heads = await connection.fetch(queries["room_audit_heads"], sorted(entries))
    links: list[ChainLink] = []
    ends: list[tuple[object, ...]] = []
    for row in heads:
        head = ChainHead(row["audit_length"], row["audit_head"])
        added, end = linked(row["chain"], head, entries[row["chain"]])
        links += added
        ends.append((row["chain"], end.length, end.hash))
    if links:
        await _put(connection, queries, links)
        await connection.execute(queries["move_room_audit_heads"], *columns(ends))


async def append_server_audit(connection: Connection, queries: Queries, entry: AuditEntry) -> None:
    """Write a link of the server's chain. Locks its end until the transaction is over."""
    row = (await connection.fetch(queries["server_audit_head"]))[0]
    links, end = linked(SERVER_CHAIN, ChainHead(row["audit_length"], row["audit_head"]), [entry])
    await _put(connection, queries, links)
    await connection.execute(queries["move_server_audit_head"], end.length, end.hash)


async def _put(connection: Connection, queries: Queries, links: Sequence[ChainLink]) -> None:
    rows: list[tuple[object, ...]] = []
    for link in links:
        e = link.entry
        rows.append(
            (link.chain, link.number, e.at, e.actor_id, e.origin, e.action, e.subject, e.before, e.after, link.hash)
        )
    await connection.execute(queries["put_audit"], *columns(rows))
