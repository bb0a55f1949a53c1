"""Numbers under which a chat shows what waits for a person's yes or no. A number is never given twice."""

from collections.abc import Collection
from typing import Generic, TypeVar

from multiplayer.cli.chat_refusals import not_there, number_in, typed_wrong

K = TypeVar("K")


class Numbers(Generic[K]):
    """Whoever types an answer means what they have read, also when others are quicker and something new comes in.

    `what`: how one of them is called.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._numbers: dict[K, int] = {}
        """Of those that are shown and wait."""
        self._last = 0
        self._has_gone = False
        """One was decided by somebody else: an answer without a number may be meant for it."""

    def clear(self) -> None:
        """Forget what waits, and go on counting."""
        self._has_gone = bool(self._numbers)
        self._numbers.clear()

    def add(self, key: K) -> None:
        """Number what is shown now."""
        if key not in self._numbers:
            self._last += 1
            self._numbers[key] = self._last

    def of(self, key: K) -> int | None:
        return self._numbers.get(key)

    def close(self, key: K, *, by_me: bool) -> None:
        if self._numbers.pop(key, None) is not None:
            self._has_gone |= not by_me

    def shown(self, key: K) -> str:
        """Return what has to be typed behind the command for this one: its number, or nothing while that is plain."""
        return f" {self._numbers[key]}" if self._has_gone or len(self._numbers) > 1 else ""

    def meant(self, text: str, command: str, still: Collection[K]) -> K:
        """Return the one that is meant: by its number, or the only one. `still`: those that wait. Raises `Refused`."""
        waiting = {number: key for key, number in self._numbers.items() if key in still}
        has_gone, self._has_gone = self._has_gone, False
        if text:
            number = number_in(text)
            if number is None:
                raise typed_wrong(f"say which by its number: {command} N")
            if number not in waiting:
                raise not_there(f"no {self._what} {number} waits" if waiting else f"no {self._what} waits")
            return waiting[number]
        if not waiting:
            raise not_there(f"no {self._what} waits")
        which = ", ".join(f"{command} {number}" for number in waiting)
        if len(waiting) > 1:
            raise typed_wrong(f"{len(waiting)} wait; say which: {which}")
        if has_gone:
            raise typed_wrong(f"another {self._what} is gone meanwhile; look at this one, and then: {which}")
        return next(iter(waiting.values()))
