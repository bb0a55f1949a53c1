"""All hostile and benign commands, and their run in each stage, once."""

import shutil
from dataclasses import dataclass, field
from typing import Final

from tests.redteam.attack import Attack, Kind
from tests.redteam.benign import BENIGN, Benign
from tests.redteam.commands_ipc import IPC
from tests.redteam.commands_kernel import KERNEL
from tests.redteam.commands_network import NETWORK
from tests.redteam.commands_output import OUTPUT
from tests.redteam.commands_privilege import PRIVILEGE
from tests.redteam.commands_reach import REACH
from tests.redteam.commands_resources import RESOURCES
from tests.redteam.commands_seeing import SEEING
from tests.redteam.commands_staying import STAYING
from tests.redteam.machine import Unavailable
from tests.redteam.stage import staged
from tests.redteam.verdict import Verdict

CLASSES: Final[dict[str, tuple[Attack, ...]]] = {
    "reach": REACH,
    "seeing": SEEING,
    "privilege": (*PRIVILEGE, *KERNEL),
    "ipc": IPC,
    "network": NETWORK,
    "resources": (*RESOURCES, *STAYING),
    "output": OUTPUT,
}
ATTACKS: Final = {f"{name}-{attack.name}": attack for name, attacks in CLASSES.items() for attack in attacks}
STAGES: Final = (Kind.STRICT_ROOT, Kind.STRICT_PLAIN, Kind.LANDLOCK)


@dataclass
class Report:
    """What came of one stage; `unavailable` says why there is nothing."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    left_over: list[str] = field(default_factory=list)
    listeners: frozenset[str] = frozenset()
    unavailable: str = ""


class Corpus:
    """Runs each stage when it is first asked for."""

    def __init__(self) -> None:
        self._reports: dict[Kind, Report | Exception] = {}

    async def of(self, kind: Kind) -> Report:
        if kind not in self._reports:
            try:
                self._reports[kind] = await _report(kind)
            except Exception as broken:  # noqa: BLE001 - raised below, for each test, without another try
                self._reports[kind] = broken
        report = self._reports[kind]
        if isinstance(report, Exception):
            raise report
        return report


async def _report(kind: Kind) -> Report:
    try:
        # Controls change what is planted: one at a time.
        async with staged(kind, lanes=1 if kind == Kind.BARE else 6) as stage:
            report = Report(listeners=stage.canaries.listening)
            if kind == Kind.BARE:
                chosen = [attack for attack in ATTACKS.values() if attack.control]
            else:
                chosen = [*ATTACKS.values(), *(_as_attack(work) for work in BENIGN if is_possible(work))]
            report.verdicts = await stage.run_all(chosen)
            report.left_out = {attack.name: why for attack in chosen if (why := stage.left_out(attack)) is not None}
            report.left_over = await stage.at_rest()
            return report
    except Unavailable as unavailable:
        return Report(unavailable=str(unavailable))


def is_possible(work: Benign) -> bool:
    return all(shutil.which(program, path="/usr/local/bin:/usr/bin:/bin") for program in work.needs)


def _as_attack(work: Benign) -> Attack:
    return Attack(name=work.name, code=work.code, limits=work.limits, status=0, says=work.says)
