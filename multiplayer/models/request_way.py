"""How far one HTTP request has come, by what httpcore tells of it: whether it may be sent again, and what it may cost."""

import httpx


class Way:
    """Of one request; `take` is its `trace` extension."""

    def __init__(self) -> None:
        self.is_fresh = False
        """It has a connection of its own, not one that was kept open since an earlier request."""
        self.is_sent = False
        """All of it has gone out, so the other side may be at work on it."""

    async def take(self, event: str, _: object) -> None:
        """Take the next event's name."""
        self.is_fresh = self.is_fresh or event == "connection.connect_tcp.started"
        self.is_sent = self.is_sent or event == "http11.send_request_body.complete"


def has_hung_up(error: httpx.RemoteProtocolError) -> bool:
    """Tell whether the other side closed the connection without a word."""
    return "without sending a response" in str(error)
