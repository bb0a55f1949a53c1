"""`multiplayer migrate`: the database's schema."""

from enum import StrEnum
from typing import Annotated

import typer

from multiplayer.cli.failures import CHECK_FAILED
from multiplayer.cli.options import AsJson, DataDir
from multiplayer.cli.output import print_json, say


class Action(StrEnum):
    UP = "up"
    STATUS = "status"
    PLAN = "plan"


def migrate(
    action: Annotated[
        Action, typer.Argument(help="up: apply what is pending. status: say. plan: print the SQL.")
    ] = Action.UP,
    data_dir: DataDir = None,
    as_json: AsJson = False,
    check: Annotated[bool, typer.Option("--check", help="Apply nothing; exit 3 when something is pending.")] = False,
) -> None:
    """Bring the database up to date. `serve` does this by itself."""
    import asyncio

    from multiplayer.compose import database_address
    from multiplayer.settings import load_settings
    from multiplayer.storage.database import connect, parse_dsn
    from multiplayer.storage.migrate import Migration, pending, plan_text
    from multiplayer.storage.migrate import migrate as apply
    from multiplayer.telemetry import logs

    logs.set_up("warning")
    is_applying = action is Action.UP and not check

    async def work() -> list[Migration]:
        async with database_address(load_settings(data_dir)) as dsn:
            connection = await connect(parse_dsn(dsn))
            try:
                return await (apply(connection) if is_applying else pending(connection))
            finally:
                await connection.close()

    found = asyncio.run(work())
    if as_json:
        print_json({"applied" if is_applying else "pending": [migration.name for migration in found]})
    elif is_applying:
        say("\n".join(f"applied {migration.name}" for migration in found) or "The database is up to date.")
    elif action is Action.PLAN:
        say("\n".join(f"-- {migration.name}\n{migration.sql}" for migration in found) or "-- Nothing is pending.")
    else:
        say(plan_text(found))
    if check and found:
        raise typer.Exit(CHECK_FAILED)
