"""Where a running server is, as it says in its data folder."""

import json

from multiplayer.settings import Settings


def running_url(settings: Settings) -> str | None:
    """Return the address of the server on this folder, None if none says it runs there."""
    try:
        held: object = json.loads((settings.folder / "server.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    url = held.get("url") if isinstance(held, dict) else None
    return url if isinstance(url, str) else None


def link_base(settings: Settings) -> str:
    """Return the address for links: the public one, the running server's, or the one `serve` would take."""
    if settings.public_url is not None:
        return str(settings.public_url).rstrip("/")
    return running_url(settings) or f"http://{settings.host}:{settings.port}"
