"""What people and programs can see about a room's AIs, in one place: what each was asked, knew, did, used and cost."""

from dataclasses import dataclass

from multiplayer.live.ai_seat import AiSeat
from multiplayer.live.catching_up import CatchUps
from multiplayer.live.directory import Directory
from multiplayer.live.hooks import Hooks
from multiplayer.live.memory_reports import MemoryReports
from multiplayer.live.previews import Previews
from multiplayer.live.replays import Replays
from multiplayer.live.rule_reports import RuleReports
from multiplayer.live.turn_reports import TurnReports
from multiplayer.live.usage_reports import UsageReports


@dataclass(frozen=True)
class Insights:
    """The services behind REST and the command line. Each method checks the rights of whoever reads.

    `turns`: `page(room_id, reader_id, *, limit, before)`, `one(room_id, reader_id, turn_id)`.
    `replays`: `of_turn(room_id, reader_id, turn_id)`, `of_message(room_id, reader_id, message_id)`.
    `previews`: `context(room_id, reader_id, ai_id)`, `estimate(room_id, asker_id, text, ai_id)`.
    `rules`: `explain(room_id, reader_id, message_id)`, `dry_run(room_id, reader_id, triggers, *, since)`.
    `usage`: `of_room(room_id, reader_id, group, since, until)`, `of_server(group, since, until)`,
    `server_budget()`, `set_server_budget(budget, *, by, origin)`.
    `memory`: `summaries(room_id, reader_id)`, `facts(room_id, reader_id)`.
    `catch_ups`: `since(room_id, reader_id, after_seq)`.
    `hooks`: `create(room_id, by, rule_id, *, origin)`, `list(room_id, reader_id)`,
    `revoke(room_id, by, hook_id, *, origin)`, `fire(secret, note, *, key)`.
    """

    turns: TurnReports
    replays: Replays
    previews: Previews
    rules: RuleReports
    usage: UsageReports
    memory: MemoryReports
    catch_ups: CatchUps
    hooks: Hooks


def insights_on(seat: AiSeat, directory: Directory) -> Insights:
    """Build them on a seat; nobody need speak from it."""
    turns = TurnReports(seat.storage, directory)
    return Insights(
        turns=turns,
        replays=Replays(seat, directory, turns),
        previews=Previews(seat, directory),
        rules=RuleReports(seat.storage, directory, seat.clock),
        usage=UsageReports(seat, directory),
        memory=MemoryReports(seat.storage, directory),
        catch_ups=CatchUps(seat.storage, directory, seat.clock),
        hooks=Hooks(seat.storage, directory, seat.clock),
    )
