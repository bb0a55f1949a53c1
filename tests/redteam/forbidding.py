"""A program: takes system calls away from itself by seccomp, as a container does, and examines the machine like that.

Its argument is JSON: the calls to forbid by name, the uid to become, and what the machine is to be taken for. It prints
the mode found, the reason, and the tools that are offered then.
"""

import asyncio
import ctypes
import errno
import json
import os
import platform
import struct
import sys
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from multiplayer.tools.offered import build_tools
from multiplayer.tools.sandbox.sandbox import Pretence, Sandbox
from multiplayer.tools.workspace import Workspaces
from tests.redteam.worker import become, import_all

_NEW_NAMESPACES = 0x7E020080
_LOAD, _EQUAL, _ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _FIRST = 0, 16
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBERS = {
    "x86_64": {"unshare": 272, "clone": 56, "clone3": 435, "landlock": 444},
    "aarch64": {"unshare": 97, "clone": 220, "clone3": 435, "landlock": 444},
}


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    forbids_user_namespaces: bool = False
    forbids_landlock: bool = False
    become: int | None = None
    has_user_namespaces: bool = True
    landlock_abi: int | None = None
    can_drop_root: bool = True


class Found(BaseModel):
    mode: str
    reason: str
    tools: list[str]


def forbid(*, user_namespaces: bool, landlock: bool) -> None:
    """Let the kernel refuse these for good, to us and to all that we start."""
    numbers = _NUMBERS[platform.machine()]
    code: list[tuple[int, int, int, int]] = []
    if user_namespaces:
        for name, answer in (("unshare", errno.EPERM), ("clone", errno.EPERM)):
            # Only with one of the flags for a new namespace.
            code += [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, 3, numbers[name]), (_LOAD, 0, 0, _FIRST)]
            code += [(_ANY, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _ERRNO | answer)]
        code += [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, 1, numbers["clone3"]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    if landlock:
        code += [(_LOAD, 0, 0, _NUMBER), (_EQUAL, 0, 1, numbers["landlock"]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    code.append((_RETURN, 0, 0, _ALLOW))
    program = b"".join(struct.pack("=HBBI", kind, then, other, value) for kind, then, other, value in code)
    held = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HxxxxxxQ", len(code), ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    # As root without "no new privileges": dropping the uid must still work as it does for a server.
    if libc.prctl(22, 2, described, 0, 0) != 0 and (
        libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, described, 0, 0)
    ):
        raise OSError(ctypes.get_errno(), "the filter was not taken")


async def examined(order: Order, folder: Path) -> Found:
    pretence = Pretence(order.has_user_namespaces, order.landlock_abi, order.can_drop_root)
    sandbox = Sandbox(Workspaces(folder / "workspaces"), pretence=pretence)
    status = await sandbox.preflight()
    return Found(mode=status.mode, reason=status.reason, tools=list(build_tools(sandbox).names))


def main(order: Order) -> None:
    import_all()
    if order.become is not None and os.geteuid() == 0:
        become(order.become)
    forbid(user_namespaces=order.forbids_user_namespaces, landlock=order.forbids_landlock)
    with tempfile.TemporaryDirectory(prefix="rt-examined-") as folder:
        Path(folder).chmod(0o711)
        print(asyncio.run(examined(order, Path(folder))).model_dump_json())  # noqa: T201 - its answer


if __name__ == "__main__":
    main(Order.model_validate(json.loads(sys.argv[1])))
