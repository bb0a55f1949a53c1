"""Tool calls from fragments: however they are cut and interleaved, the same calls; anything less than whole is broken."""

import json
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.models.port import BrokenToolCall, ToolCall
from multiplayer.models.tool_calls import (
    MAX_ARGUMENTS_CHARACTERS,
    MAX_CALLS,
    ToolCallAssembler,
    ToolCallFragment,
    TooManyToolCalls,
    mend_text,
)


def numbered() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"made_{next(numbers)}"


def assemble(
    *fragments: ToolCallFragment, earlier: tuple[ToolCall, ...] = (), is_whole: bool = True
) -> tuple[ToolCall, ...] | tuple[BrokenToolCall, ...]:
    assembler = ToolCallAssembler(numbered(), earlier)
    for fragment in fragments:
        assembler.add(fragment)
    return assembler.finish(is_whole=is_whole)


def whole(index: int | None, call_id: str | None, arguments: str = "{}", name: str = "read_file") -> ToolCallFragment:
    return ToolCallFragment(index, call_id, name, arguments)


JSON_OBJECTS = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.text(max_size=20), st.integers(), st.booleans(), st.none(), st.lists(st.integers(), max_size=3)),
    max_size=4,
).map(lambda value: json.dumps(value, ensure_ascii=False))


@given(
    st.lists(st.tuples(st.sampled_from(["read_file", "run", "写"]), JSON_OBJECTS), min_size=1, max_size=5),
    st.booleans(),
    st.data(),
)
def test_any_fragmentation_and_interleaving_gives_the_same_calls(
    wanted: list[tuple[str, str]], repeats_names: bool, data: st.DataObject
) -> None:
    queues: list[list[ToolCallFragment]] = []
    for index, (name, arguments) in enumerate(wanted):
        cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=6)))
        pieces = [arguments[start:end] for start, end in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
        queues.append(
            [
                ToolCallFragment(
                    index,
                    f"c{index}" if at == 0 or repeats_names else None,
                    name if at == 0 or repeats_names else None,
                    piece,
                )
                for at, piece in enumerate(pieces)
            ]
        )
    fragments: list[ToolCallFragment] = []
    while waiting := [queue for queue in queues if queue]:
        fragments.append(data.draw(st.sampled_from(waiting)).pop(0))
    expected = tuple(ToolCall(f"c{index}", name, arguments) for index, (name, arguments) in enumerate(wanted))
    assert assemble(*fragments) == tuple(
        ToolCall(call.id, call.name, call.arguments.replace("\0", "\ufffd")) for call in expected
    )


def test_missing_ids_are_made() -> None:
    assert assemble(whole(0, None), whole(1, "")) == (
        ToolCall("made_1", "read_file", "{}"),
        ToolCall("made_2", "read_file", "{}"),
    )


def test_without_indexes_fragments_belong_together_by_id_and_else_to_the_last_call() -> None:
    assert assemble(
        whole(None, "a", '{"x"'),
        ToolCallFragment(arguments=":1}"),
        whole(None, "b", "{"),
        ToolCallFragment(id="b", arguments="}"),
    ) == (ToolCall("a", "read_file", '{"x":1}'), ToolCall("b", "read_file", "{}"))


def test_the_same_call_twice_in_one_answer_is_there_once() -> None:
    assert assemble(whole(0, "a"), whole(1, "a")) == (ToolCall("a", "read_file", "{}"),)


def test_an_id_said_twice_in_one_answer_with_other_arguments_is_one_call_the_first_whole_one() -> None:
    first, second = '{"path": "a"}', '{"path": "b"}'
    assert assemble(whole(0, "a", first), whole(1, "a", second)) == (ToolCall("a", "read_file", first),)
    assert assemble(whole(0, "a", '{"path": "a'), whole(1, "a", second)) == (ToolCall("a", "read_file", second),)
    assert assemble(whole(0, "a", first), whole(1, "a", "{"), whole(2, "b")) == (
        ToolCall("a", "read_file", first),
        ToolCall("b", "read_file", "{}"),
    )
    assert assemble(whole(0, "a", "{"), whole(1, "a", "[")) == (
        BrokenToolCall("read_file", "its arguments are not a JSON object"),
    )


def test_calls_without_ids_are_never_taken_for_one_another() -> None:
    assert len(assemble(whole(0, None), whole(1, None))) == 2


@pytest.mark.parametrize("index", [0, None])
def test_a_whole_call_said_again_in_the_same_place_is_one_call(index: int | None) -> None:
    again = whole(index, "a", '{"x": 1}')
    assert assemble(again, again, again) == (ToolCall("a", "read_file", '{"x": 1}'),)


def test_calls_that_a_server_numbers_all_alike_are_told_apart_once_they_are_whole() -> None:
    assert assemble(whole(0, "a", '{"x": 1}'), whole(0, "b", '{"x": 2}'), whole(0, "c", "{", name="run")) == (
        BrokenToolCall("run", "its arguments are not a JSON object"),
    )
    assert assemble(
        whole(0, "a", '{"x": 1}'),
        ToolCallFragment(0, "b", "run"),
        ToolCallFragment(0, arguments='{"y"'),
        ToolCallFragment(0, arguments=": 2}"),
    ) == (ToolCall("a", "read_file", '{"x": 1}'), ToolCall("b", "run", '{"y": 2}'))


def test_an_id_that_changes_with_each_fragment_of_one_call_does_not_cut_it() -> None:
    assert assemble(
        ToolCallFragment(0, "r1", "run", '{"a":'),
        ToolCallFragment(0, "r2", None, "{"),
        ToolCallFragment(0, "r3", None, "}}"),
    ) == (ToolCall("r1", "run", '{"a":{}}'),)


@pytest.mark.timeout(10)
def test_looking_whether_a_call_is_whole_stays_cheap_however_it_is_cut() -> None:
    pieces = [ToolCallFragment(0, "a", "f", '{"a": "')] + [ToolCallFragment(0, "a", "f", "{12345678")] * 100_000
    assert [type(call) for call in assemble(*pieces)] == [BrokenToolCall]


def test_an_id_used_again_for_another_call_gets_an_id_of_its_own() -> None:
    earlier = (ToolCall("call_0", "read_file", '{"path": "a"}'),)
    assert assemble(whole(0, "call_0", '{"path": "b"}'), earlier=earlier) == (
        ToolCall("made_1", "read_file", '{"path": "b"}'),
    )


def test_a_call_repeated_from_an_earlier_step_keeps_its_id_so_that_it_is_known() -> None:
    earlier = (ToolCall("call_0", "read_file", "{}"),)
    assert assemble(whole(0, "call_0"), earlier=earlier) == earlier


@pytest.mark.parametrize(
    "arguments", ["", "{", '{"a": "b', "[]", "null", '"x"', '{"a": NaN}', "[" * 100_000, "{}{}", "{} x"]
)
def test_arguments_that_are_no_json_object_break_the_call(arguments: str) -> None:
    assert assemble(whole(0, "a", arguments)) == (BrokenToolCall("read_file", "its arguments are not a JSON object"),)


def test_a_call_without_a_name_is_broken() -> None:
    assert [type(call) for call in assemble(whole(0, "a", name=""))] == [BrokenToolCall]


def test_one_broken_call_takes_its_siblings_with_it() -> None:
    assert [type(call) for call in assemble(whole(0, "a"), whole(1, "b", "{"))] == [BrokenToolCall]


def test_calls_that_the_provider_did_not_report_as_whole_are_broken_even_if_they_parse() -> None:
    assert [type(call) for call in assemble(whole(0, "a"), is_whole=False)] == [BrokenToolCall]


def test_endless_arguments_and_endless_calls_are_refused() -> None:
    piece = "x" * 65536
    with pytest.raises(TooManyToolCalls):
        assemble(*[ToolCallFragment(0, arguments=piece)] * (MAX_ARGUMENTS_CHARACTERS // len(piece) + 1))
    with pytest.raises(TooManyToolCalls):
        assemble(*[whole(index, None) for index in range(MAX_CALLS + 1)])


def test_text_is_mended_for_databases_and_utf8() -> None:
    assert mend_text("a\0b\ud83dc \ud83d\ude00") == "a\ufffdb\ufffdc 😀"
    assert mend_text("\ufeffa") == "\ufeffa"
