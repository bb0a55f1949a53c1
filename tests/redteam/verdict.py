"""The judgement on one run of an attack: did it run, did it fail, and for the right reason."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from multiplayer.tools.limits import MIB
from tests.redteam.attack import REFUSALS, Attack
from tests.redteam.worker import Reply

_DID_NOT_RUN: Final = re.compile(
    rb"command not found|syntax error|Traceback \(most recent|No such file or directory: 'python3'"
)
_SAID: Final = re.compile(rb"^(BREACH.*|REFUSED .*)$", re.MULTILINE)


@dataclass
class Verdict:
    """What is wrong with one run; nothing: the attack ran and failed."""

    problems: list[str]
    reply: Reply
    did_run: bool = True


def judged(attack: Attack, nonce: str, reply: Reply, trips: Sequence[str], tokens: dict[str, str]) -> Verdict:
    output = reply.output
    problems = list(trips)
    if reply.failed is not None:
        problems.append(f"the command did not run: {reply.failed}")
    stopped_by = None if reply.stopped_by is None else str(reply.stopped_by)
    last = "end" if stopped_by is None or attack.by_tool else "armed"
    words = [word for word in ("begin", last) if f"{word}-{nonce}".encode() not in output]
    problems += [f"it never said {word}" for word in words]
    if broken := _DID_NOT_RUN.search(output):
        words.append("broken")
        problems.append(f"the attack itself is broken: {broken[0]!r}")
    wanted = None if attack.stopped_by is None else str(attack.stopped_by)
    if stopped_by not in {wanted, attack.may_be_stopped_by}:
        problems.append(f"stopped by {stopped_by}, not by {wanted}")
    if attack.status is not None and reply.status != attack.status:
        problems.append(f"its exit status is {reply.status}, not {attack.status}")
    for said in _SAID.findall(output):
        line = said.decode(errors="replace")
        if line.startswith("BREACH") or line.rsplit(" ", 1)[-1] not in REFUSALS | attack.reasons:
            problems.append(line if line.startswith("BREACH") else f"not refused for the right reason: {line}")
    problems += [f"the secret of {kind} was seen" for kind, token in tokens.items() if token.encode() in output]
    if attack.says and not re.search(attack.says.encode(), output):
        problems.append(f"it did not say {attack.says!r}")
    if reply.used_bytes > attack.most_used_bytes:
        problems.append(f"it left {reply.used_bytes // MIB} MiB in the workspace")
    problems += [
        f"the room did not see {text!r}"
        for text in attack.room_sees
        if text.replace("@NONCE@", nonce) not in reply.shown
    ]
    if attack.room_never_sees and (seen := re.search(attack.room_never_sees, reply.shown)):
        problems.append(f"the room saw {seen[0]!r}")
    return Verdict(problems, reply, did_run=not words)
