"""Reports about AIs as lines for people: turns, prompts, rules, replays, memory. What is printed is made safe elsewhere."""

from collections.abc import Callable, Iterator, Sequence

from multiplayer.cli.money import money
from multiplayer.cli.usage_words import beside, cap_line, tokens_line
from multiplayer.cli.visible import shortened
from multiplayer.protocol.budgets import Estimate, UsageReport
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import AccountKind, Member
from multiplayer.protocol.memory import TITLES, Section, Summary, SummaryPoint
from multiplayer.protocol.reports_memory import CatchUp
from multiplayer.protocol.reports_prompts import ContextPreview, Manifest, Replay, Share, UsedConversation
from multiplayer.protocol.reports_rules import DryRun, Explanation
from multiplayer.protocol.reports_turns import ToolCallReport, TurnDetail, TurnPage, TurnReport
from multiplayer.protocol.turns import TokenUsage, TurnOutcome

SHORT = 160
NOT_BY_MESSAGE = "not_by_message"
"""Said by schedules and webhooks, of every message: nobody asked to hear it."""
Handle = Callable[[AccountId], str]
"""The handle of an account; its id for whom nobody here knows."""


def member_line(member: Member, *, is_here: bool) -> str:
    badge = "AI" if member.kind is AccountKind.AI else member.role.value
    return f"{member.display_name} @{member.handle} [{badge}]" + (" · online" if is_here else "")


def turn_page_lines(page: TurnPage, handle: Handle, currency: str) -> Iterator[str]:
    """Tell the queue first, then the turns that have ended, the latest first."""
    for turn in page.open:
        place = f", behind {turn.position}" if turn.position else ""
        yield f"{turn.turn_id} @{handle(turn.ai_id)} {turn.state}{place}: {turn.why}"
    for turn in page.ended:
        yield f"{turn.turn_id} @{handle(turn.ai_id)} {_end_of(turn)}: {turn.why}{_price_of(turn.usage, currency)}"
    if not page.open and not page.ended:
        yield "no AI has taken a turn here"


def turn_lines(turn: TurnDetail, handle: Handle, currency: str) -> Iterator[str]:
    """Tell one turn whole: why, what it knew, what it did, what came of it and what it cost."""
    yield f"turn {turn.turn_id} of @{handle(turn.ai_id)}: {turn.why or 'asked under an older release'}"
    if turn.rule_id:
        yield f"rule {turn.rule_id}"
    if turn.note:
        yield f"asked: {shortened(turn.note, SHORT)}"
    yield _end_of(turn) + (f" → message {turn.message_id}" if turn.message_id else "")
    if turn.manifest is not None:
        yield from manifest_lines(turn.manifest)
    for call in turn.calls:
        gone = ", deleted since in part or whole" if call.is_redacted else ""
        yield f"tool {call.name} {shortened(call.arguments, SHORT)}: {_came_of(call, turn)}{gone}"
    if turn.usage is not None:
        yield f"used {tokens_line(turn.usage)}{_price_of(turn.usage, currency)}"


def manifest_lines(manifest: Manifest) -> Iterator[str]:
    """Tell what a prompt was built from."""
    if manifest.conversation is not None:
        yield _conversation_line("was given", manifest.conversation)
        yield from _means(manifest.tools, manifest.taint)
        yield f"model {manifest.model}, question {manifest.prompt_sha256[:12]}"
        return
    parts = [f"{len(manifest.messages) + len(manifest.older)} messages"]
    if manifest.summary_version is not None:
        parts.append(f"summary version {manifest.summary_version}")
    for name, held in (("facts", manifest.facts), ("pins", manifest.pins), ("tool results", manifest.tool_results)):
        if held:
            parts.append(f"{len(held)} {name}")
    left_out = f"; {manifest.left_out} older ones did not fit" if manifest.left_out else ""
    yield f"knew {', '.join(parts)}: {manifest.tokens:,} of {manifest.budget_tokens:,} tokens{left_out}"
    yield _share_line(manifest.share)
    yield from _means(manifest.tools, manifest.taint)
    yield f"model {manifest.model}, prompt {manifest.prompt_sha256[:12]}"


def context_lines(context: ContextPreview, handle: Handle) -> Iterator[str]:
    """Tell what an AI would be given if it were asked now."""
    if context.conversation is not None:
        yield f"@{handle(context.ai_id)}, model {context.model}"
        yield _conversation_line("would be given", context.conversation)
        yield from _means(context.tools, context.taint)
        return
    yield (
        f"@{handle(context.ai_id)}, model {context.model}, would be given {context.tokens:,} of "
        f"{context.budget_tokens:,} tokens (the model holds {context.model_tokens:,})"
    )
    yield _share_line(context.share)
    summary = "no summary" if context.summary_version is None else f"summary version {context.summary_version}"
    left_out = f"; {context.left_out} older lines do not fit" if context.left_out else ""
    yield f"{len(context.messages)} messages, events {context.from_seq} to {context.up_to_seq}, {summary}{left_out}"
    yield f"the oldest are folded into the summary at {context.summarise_at:,} tokens; now {context.recent_tokens:,}"
    if context.persona:
        yield f"the room wants it to be: {shortened(context.persona, SHORT)}"
    if context.facts or context.pins:
        yield f"{len(context.facts)} facts, {len(context.pins)} pinned messages from before"
    yield from _means(context.tools, context.taint)


def _conversation_line(was: str, conversation: UsedConversation) -> str:
    parts = [f"{len(conversation.previous)} earlier messages"]
    if conversation.summary_points:
        parts.append(f"{conversation.summary_points} points of the summary")
    if conversation.facts:
        parts.append(f"{conversation.facts} facts")
    return f"{was} a plain question and no prompt: with it {', '.join(parts)}"


def explanation_lines(explanation: Explanation, handle: Handle) -> Iterator[str]:
    for turn in explanation.turns:
        because = f": {turn.ended_because}" if turn.ended_because else ""
        yield f"@{handle(turn.ai_id)} was {turn.how} ({turn.reason}), turn {turn.turn_id} {turn.state}{because}"
    by_message = [verdict for verdict in explanation.verdicts if verdict.why != NOT_BY_MESSAGE]
    for verdict in by_message or explanation.verdicts:
        yield f"{'✓' if verdict.fires else '–'} {verdict.rule_id}: {verdict.text}"
    if not explanation.turns and not explanation.verdicts:
        yield "no rule looked at this message"
    if not explanation.is_exact:
        yield "what was said far before, or may not be read by you, was not looked at"


def cause_lines(turn: TurnReport, explanations: Sequence[Explanation], handle: Handle) -> Iterator[str]:
    """Tell what made a turn: why it was asked for, then each message that it answers."""
    yield f"turn {turn.turn_id} of @{handle(turn.ai_id)}: {turn.why or 'asked under an older release'}"
    if turn.rule_id is not None:
        yield f"rule {turn.rule_id}"
    for explanation in explanations:
        yield f"message {explanation.message_id}:"
        yield from (f"  {line}" for line in explanation_lines(explanation, handle))


def dry_run_lines(run: DryRun, handle: Handle) -> Iterator[str]:
    yield f"{run.messages} messages, events {run.from_seq} to {run.up_to_seq}"
    for rule in run.rules:
        held = ", ".join(f"{why} {count}" for why, count in sorted(rule.held_back.items()))
        yield f"{rule.rule_id}: would have fired {rule.fired} times" + (f" (not: {held})" if held else "")
    for firing in run.firings:
        yield f"event {firing.seq}, message {firing.message_id}: {firing.rule_id} → @{handle(firing.ai_id)}"
    if run.was_cut:
        yield "… only the latest are told"
    if not run.is_exact:
        yield "it began in the middle of the log: cooldowns and counts begin there"


def replay_lines(replay: Replay) -> Iterator[str]:
    yield f"turn {replay.turn_id}, model {replay.model}: {replay.tokens:,} tokens"
    yield f"sent    {replay.prompt_sha256}"
    yield f"rebuilt {replay.rebuilt_sha256 or '(cannot be built again)'}"
    yield "the prompt is the same, to the last character" if replay.is_equal else "the prompt is not the same"
    for sentence in replay.differs:
        yield f"  {sentence}"


def prompt_lines(replay: Replay) -> Iterator[str]:
    """The prompt itself, message by message, indented so that nothing in it can pass for where a message begins."""
    for message in replay.prompt:
        yield f"--- {message.role}" + (f" {message.tool_call_id}" if message.tool_call_id else "")
        yield from (f"    {line}" for line in message.content.splitlines())
        for call in message.tool_calls:
            yield f"    call {call.id}: {call.name} {call.arguments}"
    for tool in replay.tools:
        yield f"--- tool {tool.name}"
        yield from (f"    {line}" for line in tool.description.splitlines())


def summary_lines(summary: Summary) -> Iterator[str]:
    by = "edited by a person" if summary.edited_by is not None else summary.method
    yield f"summary version {summary.version} ({by}), up to event {summary.up_to_seq}"
    yield from _point_lines(summary.points)


def catch_up_lines(caught: CatchUp, handle: Handle) -> Iterator[str]:
    if caught.up_to_seq < caught.from_seq:
        yield "nothing happened since"
        return
    people = ", ".join(f"@{handle(person)}" for person in caught.people)
    by = f" by {people}" if people else ""
    answers = f", {caught.answers} answers of AIs" if caught.answers else ""
    yield f"since event {caught.after_seq}: {caught.messages} messages{by}{answers}"
    if caught.was_cut:
        yield f"it is long: what was before event {caught.from_seq} is left out"
    for mention in caught.mentions:
        yield f"@{handle(mention.author_id)} named you in {mention.message_id}: {shortened(mention.text, SHORT)}"
    yield from _point_lines(caught.points)
    if caught.taint:
        yield f"among it words that nobody here vouches for, from: {', '.join(caught.taint)}"


def estimate_lines(estimate: Estimate) -> Iterator[str]:
    cost = (
        "nobody knows its price"
        if estimate.cost_micros_at_most is None
        else f"at most {money(estimate.cost_micros_at_most, estimate.currency)}"
    )
    yield (f"{estimate.model}: {estimate.tokens_in:,} tokens in, at most {estimate.tokens_out_at_most:,} out, {cost}")
    if estimate.breach:
        yield f"it would be refused: {estimate.breach}"
    yield from (cap_line(cap, estimate.currency) for cap in estimate.caps)


def usage_lines(report: UsageReport, handle: Handle) -> Iterator[str]:
    for row in (*report.rows, report.total):
        key = "in all" if row is report.total else _key(report, row.key, handle)
        said = beside(row)
        yield (
            f"{key}: {row.calls} calls, {row.tokens_in:,} tokens in ({row.tokens_cached:,} cached), "
            f"{row.tokens_out:,} out, {money(row.cost_micros, report.currency)}{f', {said}' if said else ''}"
        )
    yield from (cap_line(cap, report.currency) for cap in report.caps)


def _share_line(share: Share) -> str:
    return (
        f"of these: rules {share.rules:,}, tools {share.tools:,}, room {share.room:,}, summary {share.summary:,}, "
        f"messages {share.messages:,}, results {share.results:,}"
    )


def _means(tools: Sequence[str], taint: Sequence[str]) -> Iterator[str]:
    if tools:
        yield f"tools: {', '.join(tools)}"
    if taint:
        yield f"among it words that nobody here vouches for, from: {', '.join(taint)}"


def _point_lines(points: Sequence[SummaryPoint]) -> Iterator[str]:
    for section in Section:
        here = [point for point in points if point.section is section]
        if here:
            yield f"{TITLES[section]}:"
        for point in here:
            source = f" (message {point.sources[-1]})" if point.sources else ""
            yield f"  - {point.text}{' (a person wrote this)' if point.by else ''}{source}"


def _key(report: UsageReport, key: str, handle: Handle) -> str:
    if report.group in {"asker", "ai"}:
        return f"@{handle(AccountId(key))}" if key else "nobody in particular"
    return key


def _end_of(turn: TurnReport) -> str:
    return f"{turn.state}: {turn.ended_because}" if turn.ended_because else turn.state


def _price_of(usage: TokenUsage | None, currency: str) -> str:
    if usage is None or usage.cost_micros is None or not currency:
        return ""
    return f", {money(usage.cost_micros, currency)}"


def _came_of(call: ToolCallReport, turn: TurnReport) -> str:
    if call.is_ok is None and not call.is_started:
        return "was never run"
    if call.is_ok is None and turn.ended_at is not None:
        return "was stopped" if turn.state == TurnOutcome.STOPPED else "was cut short when the turn ended"
    if call.is_ok is None:
        return "has not come back"
    status = "" if call.exit_status is None else f" (exit {call.exit_status})"
    return ("ok" if call.is_ok else f"failed{f' [{call.code}]' if call.code else ''}") + status
