"""`multiplayer token`: access tokens for programs."""

from datetime import datetime
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, read_span
from multiplayer.cli.output import print_json, print_rows, say

app = typer.Typer(help="Access tokens for programs.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    account: Annotated[str, typer.Option("--account", metavar="HANDLE", help="Whose token it is.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
    ttl: Annotated[str | None, typer.Option(help="How long it counts, like 90d; default: until revoked.")] = None,
    label: Annotated[str, typer.Option(help="A note on what it is for.")] = "",
) -> None:
    """Make a token. It is shown once."""
    span = read_span(ttl) if ttl is not None else None

    from multiplayer.auth.access_tokens import CreatedToken
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir

    async def work(pod: Pod) -> CreatedToken:
        owner = await account_called(pod, account)
        return await pod.doors.access_tokens.create(owner.id, label, span, origin="cli")

    created = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            {
                "token": created.text,
                "id": created.row.id,
                "account_id": created.row.account_id,
                "label": created.row.label,
                "expires_at": _time(created.row.expires_at),
            }
        )
    else:
        say(created.text)


@app.command(name="list")
def list_(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    account: Annotated[str | None, typer.Option("--account", metavar="HANDLE", help="Only this account's.")] = None,
) -> None:
    """List tokens, without their text."""
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.storage.account_port import StoredCredential

    async def work(pod: Pod) -> tuple[list[StoredCredential], dict[str, str]]:
        only = (await account_called(pod, account)).id if account is not None else None
        tokens = list(await pod.storage.list_access_tokens(only))
        return tokens, {known.id: known.handle for known in await pod.storage.list_accounts()}

    tokens, handles = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": token.id,
                    "account_id": token.account_id,
                    "handle": handles.get(token.account_id),
                    "label": token.label,
                    "created_at": _time(token.created_at),
                    "expires_at": _time(token.expires_at),
                    "revoked_at": _time(token.revoked_at),
                }
                for token in tokens
            ]
        )
        return
    print_rows(
        ("ID", "ACCOUNT", "LABEL", "EXPIRES", "REVOKED"),
        [
            (
                token.id,
                handles.get(token.account_id, token.account_id),
                token.label,
                _time(token.expires_at) or "never",
                _time(token.revoked_at) or "",
            )
            for token in tokens
        ],
    )


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, not its text.")],
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """End a token: sessions opened with it end within a second."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir

    async def work(pod: Pod) -> None:
        await pod.doors.access_tokens.revoke(token_id, account_id=None, origin="cli")

    on_data_dir(data_dir, work)
    if as_json:
        print_json({"id": token_id, "is_revoked": True})
    else:
        say(f"{token_id} is revoked")


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")
