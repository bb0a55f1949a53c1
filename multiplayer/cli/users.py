"""`multiplayer user`: accounts."""

import sys
from typing import Annotated

import typer

from multiplayer.cli.options import AsJson, DataDir, Handle
from multiplayer.cli.output import print_done, print_json, print_rows, say

app = typer.Typer(help="Accounts of people and bots.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def create(
    handle: Handle,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    display_name: Annotated[str, typer.Option(help="The name to show; default: the handle.")] = "",
    operator: Annotated[bool, typer.Option("--operator", help="May run the server, not only use it.")] = False,
    bot: Annotated[bool, typer.Option("--bot", help="A program's account, shown as such.")] = False,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password; piped, take the first line of the input.")
    ] = False,
) -> None:
    """Make an account. Without a password it signs in by token or one-time link."""
    text = _ask_password() if password else None

    from multiplayer.auth.passwords import check_password
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.protocol.members import Account, AccountKind

    if text is not None:
        # Before the account is made: a refused password must not leave one without.
        check_password(text)

    async def work(pod: Pod) -> Account:
        account = await pod.lobby.create_account(
            handle,
            display_name=display_name,
            kind=AccountKind.BOT if bot else AccountKind.HUMAN,
            is_operator=operator,
            origin="cli",
        )
        if text is not None:
            await pod.doors.local.set_password(account.id, text, origin="cli")
        return account

    account = on_data_dir(data_dir, work)
    if as_json:
        print_json({"id": account.id, "handle": account.handle})
    else:
        say(f"{account.handle} is there ({account.id})")


@app.command(name="list")
def list_(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List all accounts."""
    from multiplayer.cli.on_data_dir import Pod, on_data_dir
    from multiplayer.storage.account_port import StoredAccount

    async def work(pod: Pod) -> list[StoredAccount]:
        return list(await pod.storage.list_accounts())

    accounts = on_data_dir(data_dir, work)
    if as_json:
        print_json(
            [
                {
                    "id": account.id,
                    "handle": account.handle,
                    "display_name": account.display_name,
                    "kind": account.kind.value,
                    "is_operator": account.is_operator,
                    "is_disabled": account.disabled,
                }
                for account in accounts
            ]
        )
        return
    print_rows(
        ("HANDLE", "KIND", "NAME", "STATE", "ID"),
        [
            (
                account.handle,
                account.kind.value,
                account.display_name,
                "disabled" if account.disabled else "operator" if account.is_operator else "",
                account.id,
            )
            for account in accounts
        ],
    )


@app.command()
def disable(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Shut an account out: its live sessions end within a second."""
    _set_disabled(handle, data_dir, as_json, is_disabled=True)


@app.command()
def enable(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let a disabled account in again."""
    _set_disabled(handle, data_dir, as_json, is_disabled=False)


@app.command()
def reset(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print a one-time sign-in link, good for 24 hours; an earlier one ends. It may set a new password for 15 minutes."""
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.cli.server_file import link_base
    from multiplayer.settings import load_settings

    async def work(pod: Pod) -> str:
        account = await account_called(pod, handle)
        return (await pod.doors.local.create_login_link(account.id, origin="cli")).text

    secret = on_data_dir(data_dir, work)
    link = f"{link_base(load_settings(data_dir))}/sign-in#{secret}"
    if as_json:
        print_json({"link": link, "code": secret})
    else:
        say(link)


@app.command()
def password(handle: Handle, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Set an account's password. Asks for it; piped, takes the first line of the input."""
    text = _ask_password()

    from multiplayer.auth.passwords import check_password
    from multiplayer.cli.failures import Failure
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.protocol.members import AccountKind

    check_password(text)

    async def work(pod: Pod) -> str:
        account = await account_called(pod, handle)
        if account.kind is AccountKind.AI:
            raise Failure(f"{account.handle} is an AI: it does not sign in")
        await pod.doors.local.set_password(account.id, text, origin="cli")
        return account.id

    account_id = on_data_dir(data_dir, work)
    print_done(f"the password of {handle} is set", {"id": account_id, "is_set": True}, as_json)


def _set_disabled(handle: str, data_dir: DataDir, as_json: bool, *, is_disabled: bool) -> None:
    from multiplayer.cli.on_data_dir import Pod, account_called, on_data_dir
    from multiplayer.storage.audit_port import AuditEntry

    async def work(pod: Pod) -> tuple[str, bool]:
        account = await account_called(pod, handle)
        if not is_disabled:
            await pod.erasures.check_not_erased(account.id)
        audit = AuditEntry(
            at=pod.clock.now(),
            actor_id=None,
            origin="cli",
            action="account_disabled" if is_disabled else "account_enabled",
            subject=account.id,
        )
        return account.id, await pod.storage.disable_account(account.id, disabled=is_disabled, audit=audit)

    account_id, is_changed = on_data_dir(data_dir, work)
    word = "disabled" if is_disabled else "enabled"
    if as_json:
        print_json({"id": account_id, "is_disabled": is_disabled, "is_changed": is_changed})
    else:
        say(f"{handle} is {word}" + ("" if is_changed else " already"))


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    try:
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    except typer.Abort:
        raise typer.Exit(130) from None
