"""AIs and attached files: read in the name of who asked, taken into the workspace, attached to the answer, marked."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from multiplayer.live.pod import Pod
from multiplayer.models.scripted import Call, Say, ScriptedModel, Step
from multiplayer.protocol.attachments import BeginUpload
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.tools.extraction.extraction import Extractor
from tests.live.test_turn_controls import room_of
from tests.support.pods import Guest, Line, memory_pod

pytestmark = pytest.mark.slow
TEXT = "The budget for spring is 4,711 ducats."


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


@dataclass
class Scene:
    pod: Pod
    folder: Path
    alice: Guest
    bob: Guest
    room_id: RoomId
    model: ScriptedModel

    async def sent(self, who: AccountId, name: str, data: bytes, room_id: RoomId | None = None) -> str:
        asked = BeginUpload(name=name, size=len(data))
        upload = await self.pod.files.uploads.take(room_id or self.room_id, who, asked, once(data))
        return str(upload.attachment.id)

    async def asked(self, who: Guest, text: str, *files: str) -> list[Line]:
        """Post with files, and return what was heard until the turn was over."""
        start = len(who.heard)
        answer = await who.ask(
            type="post_message", room_id=self.room_id, key=f"k{start}", text=text, attachments=list(files)
        )
        assert answer["type"] == "accepted", answer
        assert (await who.expect_type("turn_ended", start=start))["outcome"] == "done"
        return who.heard[start:]


@asynccontextmanager
async def scene(tmp_path: Path, *turns: Sequence[Step]) -> AsyncIterator[Scene]:
    model = ScriptedModel([turn for steps in turns for turn in ([[*steps]] if steps else []) + [[Say("All done.")]]])
    workspaces = tmp_path / "workspaces"
    async with memory_pod(workspaces, model=model, extractor=Extractor()) as pod:
        alice, bob = await Guest.enter(pod, "alice"), await Guest.enter(pod, "bob")
        yield Scene(pod, workspaces, alice, bob, await room_of(alice, bob), model)


def of_type(heard: Sequence[Line], type_: str) -> list[Line]:
    return [line for line in heard if line["type"] == type_]


async def test_an_ai_reads_an_attached_file_and_its_words_are_marked(tmp_path: Path) -> None:
    which = {"file": ""}
    async with scene(tmp_path, [Call("list_attachments", {}), Call("read_attachment", which)]) as at:
        which["file"] = await at.sent(at.alice.id, "budget.txt", TEXT.encode())
        heard = await at.asked(at.alice, "@ai what is the budget?", which["file"])
        listed, read = of_type(heard, "tool_finished")
        assert f"{which['file']}: 'budget.txt' (text/plain" in str(listed["text"])
        assert TEXT in str(read["text"])
        assert read["taint"] == "file"
        prompt = "\n".join(message.content for message in at.model.requests[0].messages)
        assert "budget.txt" in prompt


async def test_an_ai_reads_no_file_of_another_room_of_its_asker(tmp_path: Path) -> None:
    which = {"file": ""}
    async with scene(tmp_path, [Call("read_attachment", which)]) as at:
        other = await room_of(at.alice)
        which["file"] = await at.sent(at.alice.id, "secret.txt", TEXT.encode(), other)
        await at.alice.join(other)
        await at.alice.ask(type="post_message", room_id=other, key="x", text="", attachments=[which["file"]])
        [finished] = of_type(await at.asked(at.alice, "@ai read it"), "tool_finished")
        assert (finished["is_ok"], TEXT in str(finished["text"])) == (False, False)


async def test_a_file_taken_into_the_workspace_is_marked_and_one_of_it_goes_with_the_answer(tmp_path: Path) -> None:
    which = {"file": "", "path": "in/budget.txt"}
    steps = [Call("save_attachment", which), Call("attach_file", {"path": "in/budget.txt", "name": "copy.txt"})]
    async with scene(tmp_path, steps) as at:
        which["file"] = await at.sent(at.alice.id, "budget.txt", TEXT.encode())
        heard = await at.asked(at.alice, "@ai copy it", which["file"])
        assert (at.folder / at.room_id / "in/budget.txt").read_text() == TEXT
        [changed] = of_type(heard, "files_changed")
        assert changed["taint"] == ["file"]
        [answer] = [line for line in of_type(heard, "message_posted") if "turn_id" in cast("Line", line["message"])]
        [carried] = cast("list[Line]", cast("Line", answer["message"])["attachments"])
        assert (carried["name"], carried["state"], carried["size"]) == ("copy.txt", "ready", len(TEXT))
        copy = await at.pod.files.downloads.content(carried["id"], at.bob.id, is_inline=False)  # type: ignore[arg-type]  # a JSON value
        assert b"".join([piece async for piece in await at.pod.files.downloads.read(copy)]) == TEXT.encode()


async def test_an_answer_given_again_carries_no_file_and_says_so(tmp_path: Path) -> None:
    attaching = [Call("write_file", {"path": "a.txt", "content": "x"}), Call("attach_file", {"path": "a.txt"})]
    async with scene(tmp_path, [], attaching) as at:
        heard = await at.asked(at.alice, "@ai hello")
        [answer] = [line for line in of_type(heard, "message_posted") if "turn_id" in cast("Line", line["message"])]
        start = len(at.alice.heard)
        await at.alice.ask(
            type="regenerate_answer",
            room_id=at.room_id,
            key="again",
            message_id=cast("Line", answer["message"])["id"],
        )
        await at.alice.expect_type("turn_ended", start=start)
        refused = of_type(at.alice.heard[start:], "tool_finished")[-1]
        assert "can carry no" in str(refused["text"])
