"""The contract of what a search asks beside words; each store's own file runs it with a `storage` fixture."""

from datetime import timedelta

import pytest

from multiplayer.protocol.attachments import AttachmentState
from multiplayer.protocol.cards import Card
from multiplayer.protocol.events import AttachmentChanged
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.members import Account, AccountKind
from multiplayer.rooms.attachment_rules import without_content
from multiplayer.storage.port import ReadableRoom, SearchFilter, Storage
from tests.contracts.attachment_suite import begun, content_of, new_upload, one, ready
from tests.contracts.room_scripts import AI, NOW, RoomScript, audit, ulid
from tests.contracts.storage_suite import put, stored

# The three ways in which a store looks for words, and no words at all.
WAYS = ["lag", "c++", "启", ""]
WORDS = "lag of c++ 启"


async def person(storage: Storage, handle: str, display_name: str) -> AccountId:
    account = Account(id=AccountId(ulid()), kind=AccountKind.HUMAN, handle=handle, display_name=display_name)
    await storage.create_account(account, created_at=NOW, audit=audit("create_account"))
    return account.id


async def searched(storage: Storage, script: RoomScript, query: str, only: SearchFilter, from_seq: int = 0) -> set[str]:
    hits = await storage.search([ReadableRoom(script.room_id, from_seq)], query, limit=20, only=only)
    assert [hit.message.seq for hit in hits] == sorted((hit.message.seq for hit in hits), reverse=True)
    return {hit.message.text.removeprefix(WORDS).strip() for hit in hits}


@pytest.mark.parametrize("query", WAYS)
class SearchFilterContract:
    async def test_an_author_is_found_by_id_by_handle_and_by_how_the_display_name_begins(
        self, storage: Storage, query: str
    ) -> None:
        tag = ulid()[-8:]
        mei = await person(storage, f"Mei-{tag}", f"林美 {tag}")
        lin = await person(storage, f"x-{tag}", f"mei-{tag} 100%_\\")
        script = await stored(storage, RoomScript())
        script.post(f"{WORDS} one", mei)
        script.post(f"{WORDS} two", lin)
        script.post(f"{WORDS} other")
        await put(storage, script, 1)
        for asked, expected in (
            (SearchFilter(author_id=mei), {"one"}),
            (SearchFilter(author=f"X-{tag}"), {"two"}),
            (SearchFilter(author="林美"), {"one"}),
            (SearchFilter(author=f"mEI-{tag}"), {"one", "two"}),
            (SearchFilter(author=f"MEI-{tag} 100%_\\"), {"two"}),
            (SearchFilter(author=f"x-{tag[:-1]}"), set()),
            (SearchFilter(author="%"), set()),
            (SearchFilter(author=f"mei-{tag} 100_"), set()),
            (SearchFilter(author_id=mei, author=f"x-{tag}"), set()),
        ):
            assert await searched(storage, script, query, asked) == expected, asked

    async def test_a_file_counts_until_it_is_gone_and_a_link_in_the_text_or_in_a_card(
        self, storage: Storage, query: str
    ) -> None:
        script = await stored(storage, RoomScript())
        kept, gone = [await ready(storage, new_upload(script.room_id), content_of(ulid())) for _ in range(2)]
        coming, lost = [await one(storage, await begun(storage, new_upload(script.room_id))) for _ in range(2)]
        script.post(f"{WORDS} file", attachments=(kept.attachment,))
        script.post(f"{WORDS} coming", attachments=(coming.attachment,))
        message_id = script.post(f"{WORDS} gone", attachments=(gone.attachment,))
        script.add(AttachmentChanged, message_id=message_id, attachment=without_content(gone.attachment))
        message_id = script.post(f"{WORDS} lost", attachments=(lost.attachment,))
        failed = lost.attachment.model_copy(update={"state": AttachmentState.FAILED})
        script.add(AttachmentChanged, message_id=message_id, attachment=failed)
        script.post(f"{WORDS} HTTPS://example.org/x")
        script.post(f"{WORDS} http:// is no link, nor is example.org, ftp://x or https://")
        script.post(f"{WORDS} card", AI, turn_id=ulid(), cards=(Card(title="t", url="https://example.org"),))
        script.post(f"{WORDS} plain card", AI, turn_id=ulid(), cards=(Card(title="t"),))
        await put(storage, script, 1)
        assert await searched(storage, script, query, SearchFilter(has_file=True)) == {"file", "coming"}
        assert await searched(storage, script, query, SearchFilter(has_link=True)) == {"HTTPS://example.org/x", "card"}
        assert await searched(storage, script, query, SearchFilter(has_link=True, has_file=True)) == set()

    async def test_a_time_is_in_what_was_said_since_it_and_not_in_what_was_said_before_it(
        self, storage: Storage, query: str
    ) -> None:
        script = await stored(storage, RoomScript())
        for n in range(4):
            script.post(f"{WORDS} {n}")
        await put(storage, script, 1)
        at = [message.at for message in script.messages()]
        assert await searched(storage, script, query, SearchFilter(since=at[2])) == {"2", "3"}
        assert await searched(storage, script, query, SearchFilter(until=at[2])) == {"0", "1"}
        assert await searched(storage, script, query, SearchFilter(since=at[1], until=at[3])) == {"1", "2"}
        assert await searched(storage, script, query, SearchFilter(since=at[3] + timedelta(days=1))) == set()

    async def test_a_filter_opens_no_room_no_past_and_nothing_deleted(self, storage: Storage, query: str) -> None:
        author = await person(storage, f"u-{ulid()[-8:]}", "Ursula")
        mine, others = await stored(storage, RoomScript()), await stored(storage, RoomScript())
        for script in (mine, others):
            script.post(f"{WORDS} old", author)
            script.delete(script.post(f"{WORDS} deleted", author), author)
            script.post(f"{WORDS} new", author)
            await put(storage, script, 1)
        only = SearchFilter(author_id=author)
        assert await searched(storage, mine, query, only) == {"old", "new"}
        assert await searched(storage, mine, query, only, from_seq=3) == {"new"}
        assert await storage.search([], query, limit=9, only=only) == []

    async def test_pages_of_what_is_let_through_are_full(self, storage: Storage, query: str) -> None:
        author = await person(storage, f"u-{ulid()[-8:]}", "Ursula")
        script = await stored(storage, RoomScript())
        for n in range(12):
            script.post(f"{WORDS} {n}", *((author,) if n % 3 == 0 else ()))
        await put(storage, script, 1)
        rooms, only = [ReadableRoom(script.room_id)], SearchFilter(author_id=author)
        first = await storage.search(rooms, query, limit=3, only=only)
        rest = await storage.search(rooms, query, limit=3, only=only, before=first[-1].message.id)
        assert [hit.message.text.split()[-1] for hit in [*first, *rest]] == ["9", "6", "3", "0"]
