"""What a line does in a chat about the AIs' work: approve and reject calls, look at changed files, undo turns, end jobs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from multiplayer.cli.changed_turns import nth_changed, turn_to_undo, undo
from multiplayer.cli.chat_desk import Desk
from multiplayer.cli.chat_files import diff_lines, stat_lines
from multiplayer.cli.chat_refusals import number_in, typed_wrong
from multiplayer.cli.chat_work import Work
from multiplayer.cli.work_words import changed_line, job_lines, listing_lines, paths_of, spans_of
from multiplayer.client import RefusalCode, Refused, Room
from multiplayer.protocol.ids import AccountId, TurnId
from multiplayer.protocol.signals import Accepted


class ToolCommands:
    """Each returns the turns that follow from it. Raises `Refused`, also for what is typed wrong."""

    def __init__(self, room: Room, desk: Desk, work: Work) -> None:
        self._room = room
        self._desk = desk
        self._work = work
        self.commands: Mapping[str, Callable[[str], Awaitable[Sequence[TurnId]]]] = {
            "/approve": self._approve,
            "/reject": self._reject,
            "/diff": self._diff,
            "/undo": self._undo,
            "/files": self._files,
            "/jobs": self._jobs,
            "/accept": self._accept,
            "/drop": self._drop,
        }

    async def stop_job(self, job_id: str) -> Sequence[TurnId]:
        if not job_id:
            raise typed_wrong("say which: /stop job ID, with one of /jobs")
        job = await self._room.stop_job(job_id)
        await self._desk.write([*job_lines([job], self._handle)])
        return ()

    async def _approve(self, rest: str) -> Sequence[TurnId]:
        return await self._done(await self._room.approve(self._work.call_meant(rest, "/approve")))

    async def _reject(self, rest: str) -> Sequence[TurnId]:
        return await self._done(await self._room.reject(self._work.call_meant(rest, "/reject")))

    async def _accept(self, rest: str) -> Sequence[TurnId]:
        proposal = self._work.proposal_meant(rest, "/accept")
        return await self._done(await self._room.decide_proposal(proposal.id, is_accepted=True))

    async def _drop(self, rest: str) -> Sequence[TurnId]:
        proposal = self._work.proposal_meant(rest, "/drop")
        return await self._done(await self._room.decide_proposal(proposal.id, is_accepted=False))

    async def _files(self, rest: str) -> Sequence[TurnId]:
        await self._desk.write([*listing_lines(await self._room.files(rest))])
        return ()

    async def _jobs(self, _: str) -> Sequence[TurnId]:
        jobs = (await self._room.jobs()).jobs
        await self._desk.write([*job_lines(jobs, self._handle)] or ["nothing runs in the background"])
        return ()

    async def _diff(self, rest: str) -> Sequence[TurnId]:
        wanted = number_in(rest or "1")
        if not wanted:
            raise typed_wrong("/diff, or /diff N: 1 is the last turn that changed files, 2 the one before")
        turn = await nth_changed(self._room, wanted, self._known())
        await self._desk.write([changed_line(turn, self._handle)])
        for before, after in spans_of(turn):
            found = await self._room.diff(before, after)
            left = [f"{found.left_out} more changes are not shown"] if found.left_out else []
            await self._desk.write([*stat_lines(found.changes), *diff_lines(found.diff), *left])
        return ()

    async def _undo(self, rest: str) -> Sequence[TurnId]:
        """Ask for it, and wait until it is done; the room is told what came of it."""
        if rest not in {"", "keep"}:
            raise typed_wrong("/undo, or /undo keep, which leaves what others changed since")
        turn = await turn_to_undo(self._room, self._known())
        await self._desk.write([f"undoing: {changed_line(turn, self._handle)}: {paths_of(turn)}"])
        undone = await undo(self._room, turn.turn_id, keeps_others=rest == "keep")
        if undone is None:
            await self._desk.write(["it takes its time; the room will be told"])
            return ()
        await self._desk.until_shown(undone.seq)
        if not undone.is_ok:
            raise Refused(RefusalCode.CONFLICT, "nothing was put back")
        return ()

    def _known(self) -> Sequence[TurnId]:
        """Return the turns that changed files in this sitting, the latest first."""
        seen = {turn_id: turn.changes[-1].seq for turn_id, turn in self._work.turns.items() if turn.changes}
        return sorted(seen, key=lambda turn_id: seen[turn_id], reverse=True)

    async def _done(self, accepted: Accepted) -> Sequence[TurnId]:
        if accepted.seq is not None:
            await self._desk.until_shown(accepted.seq)
        return ()

    def _handle(self, account_id: AccountId) -> str:
        member = self._room.view.members.get(account_id)
        return member.handle if member is not None else account_id
