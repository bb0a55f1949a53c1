"""What a program can do with a room's files, background jobs and tools over HTTP."""

from multiplayer.client.rest import Rest
from multiplayer.protocol.ids import AccountId, RoomId, TurnId
from multiplayer.protocol.reports_workspace import (
    JobList,
    JobOutputTail,
    JobReport,
    RoomTools,
    TurnChanges,
    WorkspaceChange,
    WorkspaceDiff,
    WorkspaceListing,
)

ANY_VERSION = "*"
"""As `expected`: whatever is there, or nothing."""


class RoomFiles:
    """A part of `Room`. Every method raises `Refused`, `NotSignedIn` or `ConnectionLost`; nothing is tried twice.

    Paths are relative to the room's workspace and separated by `/`.
    """

    _rest: Rest
    _room_id: RoomId

    async def files(self, path: str = "") -> WorkspaceListing:
        """Return what a folder holds, and how full the workspace is."""
        return await self._rest.read(self._workspace, WorkspaceListing, {"path": path})

    async def read_file(self, path: str) -> bytes:
        """Return a file of at most 8 MiB. The SHA-256 of what comes is what `write_file` may be given as `expected`."""
        return await self._rest.fetch(f"{self._workspace}/file", {"path": path})

    async def write_file(self, path: str, data: bytes, expected: str | None = None) -> WorkspaceChange:
        """Write a file of at most 3 MiB, whole or not at all; everybody in the room hears of it.

        `expected`: the SHA-256 of the version that it replaces, `"*"` for whatever is there, None for a new file. Refused
        as CONFLICT, with nothing changed, if something else is there. The same again is fine, and no change.
        """
        return await self._rest.change(
            "PUT", f"{self._workspace}/file", WorkspaceChange, {"path": path}, content=data, if_match=expected
        )

    async def move_file(self, source: str, destination: str) -> WorkspaceChange:
        """Move a file or folder to a name that is free."""
        body = {"source": source, "destination": destination}
        return await self._rest.write("POST", f"{self._workspace}/move", WorkspaceChange, {**body})

    async def delete_file(
        self, path: str, expected: str | None = None, *, is_recursive: bool = False
    ) -> WorkspaceChange:
        """Remove a file, with `expected` only that version of it; a folder with what is in it only if `is_recursive`."""
        params = {"path": path} | ({"recursive": "true"} if is_recursive else {})
        return await self._rest.change("DELETE", f"{self._workspace}/file", WorkspaceChange, params, if_match=expected)

    async def diff(self, before: str, after: str, path: str | None = None) -> WorkspaceDiff:
        """Compare two states of the workspace, as `files_changed` events name them: one path, or all that differs."""
        params = {"before": before, "after": after, "path": path}
        return await self._rest.read(f"{self._workspace}/diff", WorkspaceDiff, params)

    async def turn_changes(self, turn_id: TurnId) -> TurnChanges:
        """Return what a turn changed, for whom and with whose approval, and whether it can be undone."""
        return await self._rest.read(f"/rooms/{self._room_id}/turns/{turn_id}/changes", TurnChanges)

    async def jobs(self) -> JobList:
        """Return the room's background jobs: those that run, and the last that ended."""
        return await self._rest.read(f"/rooms/{self._room_id}/jobs", JobList)

    async def job(self, job_id: str, *, most_bytes: int = 16_384) -> JobOutputTail:
        """Return a job and the end of its output, of 64 KiB at most."""
        return await self._rest.read(f"/rooms/{self._room_id}/jobs/{job_id}", JobOutputTail, {"bytes": str(most_bytes)})

    async def stop_job(self, job_id: str) -> JobReport:
        """Stop a job; return when its last process is dead."""
        return await self._rest.change("DELETE", f"/rooms/{self._room_id}/jobs/{job_id}", JobReport, {})

    async def tools(self, ai_id: AccountId | None = None) -> RoomTools:
        """Return the tools of the room's default AI, or of this one, and what outside servers offer."""
        return await self._rest.read(f"/rooms/{self._room_id}/tools", RoomTools, {"ai": ai_id})

    @property
    def _workspace(self) -> str:
        return f"/rooms/{self._room_id}/workspace"
