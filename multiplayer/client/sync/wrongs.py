"""Why a sync did not go on, or left one path as it is. The sentence is for whoever asked for it."""


class SyncStopped(Exception):  # noqa: N818 - how it ended
    """A folder cannot follow this room, or not now; nothing was lost, and what was done is remembered.

    `hint`: what can be done about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ManyRemovals(SyncStopped):
    """So much would be removed that somebody has to say yes first."""


class PathLeft(Exception):  # noqa: N818 - what became of one path
    """This path cannot be as it should be, and is left as it is; the rest goes on."""


class PathMoved(Exception):  # noqa: N818 - what became of one path
    """This path is not any more what it was when all was looked at: another pass decides anew."""
