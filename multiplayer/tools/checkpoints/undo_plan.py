"""Which paths an undo puts back, and which it must not touch because somebody else has changed them since."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from multiplayer.tools.checkpoints.tree import UNKEPT, Difference, Entry, Kind, ancestors, is_unknown, parent_of


@dataclass(slots=True)
class Plan:
    """What is to stand at each path afterwards, and the paths that stay as they are although the turn changed them."""

    restores: dict[bytes, Entry | None]
    conflicts: set[bytes]


def plan_undo(
    spans: Iterable[Sequence[Difference]], now: Mapping[bytes, Entry], emptied: Collection[bytes] = ()
) -> Plan:
    """Decide from what the turn's calls changed, in order, and from what stands there `now`.

    A path is put back to its state before the first call that changed it, if the last such call left it as it is now
    and nobody changed it between the calls. `emptied`: paths that an earlier attempt may have left empty.
    """
    first: dict[bytes, Entry | None] = {}
    last: dict[bytes, Entry | None] = {}
    broken: set[bytes] = set()
    for differences in spans:
        for path, before, after in differences:
            if path in last and last[path] != before:
                broken.add(path)
            first.setdefault(path, before)
            last[path] = after
    plan = Plan({}, set())
    for path, wanted in first.items():
        here = UNKEPT if is_unknown(now, path) else now.get(path)
        if here == wanted:
            continue
        if path in broken:
            plan.conflicts.add(path)
        elif last[path] == wanted:
            continue  # the turn itself left nothing to undo: what is there now is somebody else's
        elif UNKEPT in {here, wanted, last[path]} or not _can_be_made(wanted):
            plan.conflicts.add(path)
        elif here == last[path] or (here is None and path in emptied):
            plan.restores[path] = wanted
        else:
            plan.conflicts.add(path)
    _drop_impossible(plan, now)
    return plan


def _can_be_made(entry: Entry | None) -> bool:
    # A socket without whoever listened on it is none, and no sandboxed command can have made a device.
    return entry is None or entry.kind is not Kind.SPECIAL or entry.data == b"fifo"


def _drop_impossible(plan: Plan, now: Mapping[bytes, Entry]) -> None:
    """Turn into conflicts what would leave a name in something that is no folder, until nothing does."""
    while True:
        after = outcome(plan, now)
        bad: set[bytes] = set()
        for path in after:
            above = parent_of(path)
            if not above or _is_folder(after.get(above)):
                continue
            # Either the folder has to stay for what is in it, or what is in it cannot come back.
            bad |= {at for at in ancestors(path) if at in plan.restores and not _is_folder(plan.restores[at])}
            if path in plan.restores and not _is_folder(now.get(above)):
                bad.add(path)
        if not bad:
            return
        plan.conflicts |= bad
        for path in bad:
            plan.restores.pop(path)


def outcome(plan: Plan, now: Mapping[bytes, Entry]) -> dict[bytes, Entry]:
    """Return the tree as it will be."""
    after = dict(now)
    for path, wanted in plan.restores.items():
        if wanted is None:
            after.pop(path, None)
        else:
            after[path] = wanted
    return after


def _is_folder(entry: Entry | None) -> bool:
    return entry is not None and entry.kind is Kind.FOLDER
