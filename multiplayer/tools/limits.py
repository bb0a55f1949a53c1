"""How much one tool call may use."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Ceilings of one call. The defaults are those of a foreground command."""

    wall_s: float = 120.0
    cpu_s: int = 60
    """Of each process, not of all together: `wall_s` is the backstop."""
    data_bytes: int = GIB
    """Private memory of each process (RLIMIT_DATA)."""
    resident_bytes: int = 1536 * MIB
    """Memory of all processes of a command together; held by a cgroup, or else looked at four times a second."""
    cores: float = 1.0
    """Of all processes together, where a cgroup can hold that."""
    processes: int = 128
    open_files: int = 1024
    file_bytes: int = 256 * MIB
    workspace_bytes: int = 512 * MIB
    workspace_inodes: int = 20_000
    free_bytes: int = 2 * GIB
    """What stays free on the file system of all workspaces, or a twentieth of it where that is less; and a twentieth of
    its inodes. Below that no command starts, and one that runs is killed: quotas that are looked at overshoot. 0: none.
    """
    shown_bytes: int = MIB
    """Output that the room sees."""
    output_bytes: int = 10 * MIB
    """Output after which the command is killed."""
