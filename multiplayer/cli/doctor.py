"""`multiplayer doctor`: looks at everything a server needs and says how to mend what is wrong."""

from dataclasses import asdict

import typer

from multiplayer.cli.failures import CHECK_FAILED
from multiplayer.cli.options import AsJson, DataDir
from multiplayer.cli.output import print_json, say

SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}


def doctor(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check this machine, the data folder, the database, the AI and the sandbox. Exit 3 if something is wrong."""
    import asyncio

    from multiplayer.cli.checks import all_checks
    from multiplayer.settings import load_settings
    from multiplayer.telemetry import logs

    logs.set_up("error")
    checks = asyncio.run(all_checks(load_settings(data_dir)))
    has_failed = any(check.state == "failed" for check in checks)
    if as_json:
        print_json({"is_ok": not has_failed, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            say(f"{SIGNS[check.state]} {check.name}: {check.finding}")
            if check.fix:
                say(f"    fix: {check.fix}")
    if has_failed:
        raise typer.Exit(CHECK_FAILED)
