"""What a process and all its descendants have used: CPU seconds and memory, read from /proc."""

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """The process and its descendants, listed anew at each call: database backends come and go."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields is not None:
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def is_there(pid: int) -> bool:
    """Tell whether it has not ended; who is dead and not buried has."""
    fields = _stat(pid)
    return fields is not None and fields[0] != "Z"


def cpu_s(pid: int) -> float:
    """CPU seconds of the whole tree so far, user and system, with those of descendants that have ended.

    The difference of two calls is what was used between them: an ended child's time moves into its parent's sum.
    """
    ticks = 0
    for member in tree(pid):
        fields = _stat(member)
        if fields is not None:
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS_PER_S


def own_cpu_s(pid: int) -> float:
    """CPU seconds so far of this one process."""
    fields = _stat(pid)
    if fields is None:
        raise ProcessLookupError(f"process {pid} has ended")
    return sum(int(field) for field in fields[11:13]) / _TICKS_PER_S


def machine_cpu_s() -> float:
    """CPU seconds so far that this machine did not idle, those that its host took away included."""
    with Path("/proc/stat").open(encoding="utf-8") as stat:
        user, nice, system, _idle, _wait, irq, softirq, stolen = (int(field) for field in stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + stolen) / _TICKS_PER_S


def rss_kib(pid: int) -> int:
    """Resident memory of this one process."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise ProcessLookupError(f"process {pid} has ended")


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on: [0] is the state, [1] the parent, [11..14] the CPU ticks."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()
