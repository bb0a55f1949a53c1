"""`multiplayer config`: what is set, and where it came from."""

from pathlib import Path
from typing import Annotated

import typer

from multiplayer.cli.failures import Failure
from multiplayer.cli.options import AsJson, DataDir
from multiplayer.cli.output import print_done, print_json, print_rows

app = typer.Typer(help="Settings.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def show(
    data_dir: DataDir = None,
    as_json: AsJson = False,
    secrets: Annotated[bool, typer.Option("--secrets", help="Show the secrets too.")] = False,
) -> None:
    """Show every setting, its value and its source."""
    from multiplayer.settings import described, load_settings

    lines = described(load_settings(data_dir), shows_secrets=secrets)
    if as_json:
        print_json([{"name": line.name, "value": line.value, "source": line.source} for line in lines])
    else:
        print_rows(("SETTING", "VALUE", "FROM"), [(line.name, line.value, line.source) for line in lines])


@app.command()
def init(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")] = Path(".env"),
    as_json: AsJson = False,
) -> None:
    """Write a settings file with every setting, its meaning and its default. Changes no file that is there."""
    from multiplayer.settings import example

    try:
        # Keys will stand in it.
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        raise Failure(f"{path} is there already", hint="name another file, or move it away") from None
    path.write_text(example(), encoding="utf-8")
    print_done(f"{path} is written; take the # away from what you want to set", {"path": str(path)}, as_json)
