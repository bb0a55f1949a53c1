"""The SSE reader: the same events however the bytes are split, and bounds that hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.models.sse_reader import SseEvent, SseLimits, SseReader, StreamTooBig


def read(*chunks: bytes, limits: SseLimits | None = None) -> list[SseEvent]:
    reader = SseReader(limits or SseLimits())
    return [event for chunk in chunks for event in reader.feed(chunk)] + reader.finish()


def events(*data: str) -> list[SseEvent]:
    return [SseEvent("message", text) for text in data]


def test_lines_of_one_event_are_joined_and_one_leading_space_is_dropped() -> None:
    assert read(b"data: a\ndata:b\ndata:  c\n\n") == events("a\nb\n c")


def test_comments_unknown_fields_and_empty_events_bring_nothing() -> None:
    assert read(b": hi\n\nid: 3\nretry: x\ngarbage\n\n\n\ndata: a\n\n") == events("a")


def test_the_event_name_belongs_to_one_event_only() -> None:
    assert read(b"event: ping\ndata: a\n\ndata: b\n\n") == [SseEvent("ping", "a"), SseEvent("message", "b")]


def test_a_byte_order_mark_at_the_start_is_dropped() -> None:
    assert read(b"\xef\xbb\xbfdata: a\n\n") == events("a")


def test_at_the_end_a_complete_line_counts_and_a_cut_one_does_not() -> None:
    assert read(b"data: a\n\ndata: b\n") == events("a", "b")
    assert read(b"data: a\n\ndata: b") == events("a")


def test_an_event_is_out_as_soon_as_its_empty_line_ended_even_by_a_lone_return() -> None:
    reader = SseReader(SseLimits())
    assert reader.feed(b"data: a\r\r") == events("a")
    assert reader.feed(b"\ndata: b\r\n\r\n") == events("b")


LINES = st.lists(
    st.sampled_from(["data: x", "data: 你好🎉", "data:", ":c", "event: e", "junk", "", "", "data: y z", "id: 1"]),
    max_size=12,
)


@given(LINES, st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=12, max_size=12), st.data())
def test_any_split_of_the_bytes_gives_the_same_events(lines: list[str], ends: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(line.encode() + end for line, end in zip(lines, ends, strict=False))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=10)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(*pieces) == read(whole)


@given(LINES)
def test_all_three_line_ends_mean_the_same(lines: list[str]) -> None:
    def ended(by: bytes) -> list[SseEvent]:
        return read(b"".join(line.encode() + by for line in lines))

    assert ended(b"\n") == ended(b"\r\n") == ended(b"\r")


@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_read_without_harm(junk: bytes) -> None:
    assert read(junk + b"\n\ndata: a\n\n")[-1:] == events("a")


SMALL = SseLimits(line=10, event=20, total=100)


def test_a_line_over_its_bound_is_refused_even_before_it_ends() -> None:
    with pytest.raises(StreamTooBig, match="line"):
        read(b"data: ", b"12345", limits=SMALL)


def test_an_event_over_its_bound_is_refused() -> None:
    with pytest.raises(StreamTooBig, match="event"):
        read(b"data: 123\n" * 6, limits=SMALL)


def test_comments_for_ever_end_at_the_bound_of_the_whole() -> None:
    with pytest.raises(StreamTooBig, match="stream"):
        read(*[b": still\n"] * 20, limits=SMALL)
