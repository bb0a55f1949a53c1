"""`multiplayer audit`: who did what with rights that others lack, and whether the trail of it is whole."""

from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir
from multiplayer.cli.output import print_json, print_rows, say

app = typer.Typer(help="The trail of privileged acts.", no_args_is_help=True, rich_markup_mode=None)
OfRoom = Annotated[
    str | None,
    typer.Option(
        "--room", metavar="ROOM", help="This room's trail (id, or name if only one has it), not the server's."
    ),
]
_PAGE = 1_000


@app.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False, room: OfRoom = None) -> None:
    """List privileged acts, oldest first."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, room_called
    from multiplayer.storage.audit_port import AuditRow

    async def work(pod: Pod) -> tuple[list[AuditRow], dict[str, str]]:
        room_id = (await room_called(pod, room)).room_id if room is not None else None
        rows: list[AuditRow] = []
        while page := await pod.storage.audit_after(room_id, rows[-1].number if rows else 0, limit=_PAGE):
            rows += page
        return rows, {known.id: known.handle for known in await pod.storage.list_accounts()}

    rows, handles = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "number": row.number,
                    "at": row.entry.at.isoformat().replace("+00:00", "Z"),
                    "actor_id": row.entry.actor_id,
                    "origin": row.entry.origin,
                    "action": row.entry.action,
                    "subject": row.entry.subject,
                    "before": row.entry.before,
                    "after": row.entry.after,
                    "hash": row.hash.hex(),
                }
                for row in rows
            ]
        )
        return
    print_rows(
        ("NUMBER", "AT", "WHO", "FROM", "ACT", "SUBJECT", "BEFORE", "AFTER"),
        [
            (
                str(row.number),
                row.entry.at.isoformat(timespec="seconds").replace("+00:00", "Z"),
                handles.get(row.entry.actor_id, row.entry.actor_id) if row.entry.actor_id is not None else "-",
                row.entry.origin,
                row.entry.action,
                handles.get(row.entry.subject, row.entry.subject),
                row.entry.before,
                row.entry.after,
            )
            for row in rows
        ],
    )


@app.command()
def verify(data_dir: DataDir = None, as_json: AsJson = False, room: OfRoom = None) -> None:
    """Check that no entry was changed, removed or put between. Exit 3 if one was."""
    from multiplayer.cli.failures import CHECK_FAILED
    from multiplayer.cli.on_data_dir import Pod, on_data_dir, room_called

    async def work(pod: Pod) -> str | None:
        return await pod.storage.verify_audit((await room_called(pod, room)).room_id if room is not None else None)

    fault = on_data_dir(data_dir, work)
    if as_json:
        print_json({"is_ok": fault is None, "fault": fault})
    else:
        say(fault if fault is not None else "the audit trail is whole")
    if fault is not None:
        raise typer.Exit(CHECK_FAILED)
