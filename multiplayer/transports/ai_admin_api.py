"""The server's AI accounts over HTTP, for its operators: their profiles, their keys, and whether they answer."""

from typing import Annotated

from pydantic import Field, SecretStr

from multiplayer.live.ai_keys import MAX_KEY
from multiplayer.live.profile_trial import ProfileTest
from multiplayer.protocol.ids import AccountId
from multiplayer.protocol.profiles import AiProfile, ProfileView
from multiplayer.protocol.values import Frozen
from multiplayer.transports.routes import Access, Call, Nothing, Operation, Route


class ProfileList(Frozen):
    profiles: tuple[ProfileView, ...]


class ChangedProfile(Frozen):
    """The whole profile as it is to be, and the version that was read before: another one by now is a conflict."""

    profile: AiProfile
    version: Annotated[int, Field(ge=1)]


class NewKey(Frozen):
    """Kept in a private file on the server's machine; no answer ever holds it."""

    key: Annotated[SecretStr, Field(min_length=1, max_length=MAX_KEY)]


async def _list(call: Call[Nothing, Nothing]) -> ProfileList:
    return ProfileList(profiles=tuple(await call.pod.profiles.list()))


async def _create(call: Call[AiProfile, Nothing]) -> ProfileView:
    return await call.pod.profiles.create(call.body, by=call.account_id, origin="http")


async def _get(call: Call[Nothing, Nothing]) -> ProfileView:
    return await call.pod.profiles.view(_ai(call))


async def _change(call: Call[ChangedProfile, Nothing]) -> ProfileView:
    body = call.body
    return await call.pod.profiles.change(
        _ai(call), body.profile, version=body.version, by=call.account_id, origin="http"
    )


async def _remove(call: Call[Nothing, Nothing]) -> None:
    await call.pod.profiles.remove(_ai(call), by=call.account_id, origin="http")


async def _disable(call: Call[Nothing, Nothing]) -> ProfileView:
    return await call.pod.profiles.disable(_ai(call), disabled=True, by=call.account_id, origin="http")


async def _enable(call: Call[Nothing, Nothing]) -> ProfileView:
    return await call.pod.profiles.disable(_ai(call), disabled=False, by=call.account_id, origin="http")


async def _set_key(call: Call[NewKey, Nothing]) -> ProfileView:
    key = call.body.key.get_secret_value()
    return await call.pod.profiles.set_key(_ai(call), key, by=call.account_id, origin="http")


async def _remove_key(call: Call[Nothing, Nothing]) -> ProfileView:
    return await call.pod.profiles.remove_key(_ai(call), by=call.account_id, origin="http")


async def _test(call: Call[Nothing, Nothing]) -> ProfileTest:
    call.check_commands()
    return await call.pod.profiles.test(_ai(call))


def _ai(call: Call[object, object]) -> AccountId:
    return AccountId(call.place("account_id"))


_ALL = "/api/v1/admin/ai"
_ONE = f"{_ALL}/{{account_id}}"
_OPERATOR = Access.OPERATOR
AI_ADMIN_API: tuple[Operation, ...] = (
    Route("GET", _ALL, _OPERATOR, "All AI accounts and their profiles", _list, Nothing, Nothing, ProfileList),
    Route("POST", _ALL, _OPERATOR, "Make an AI account of a profile", _create, AiProfile, Nothing, ProfileView, 201),
    Route("GET", _ONE, _OPERATOR, "One AI account's profile", _get, Nothing, Nothing, ProfileView),
    Route("PUT", _ONE, _OPERATOR, "Change a profile", _change, ChangedProfile, Nothing, ProfileView),
    Route("DELETE", _ONE, _OPERATOR, "Remove an AI that is in no room", _remove, Nothing, Nothing, None, 204),
    Route(
        "POST",
        f"{_ONE}/disable",
        _OPERATOR,
        "Let an AI answer no more, in any room",
        _disable,
        Nothing,
        Nothing,
        ProfileView,
    ),
    Route("POST", f"{_ONE}/enable", _OPERATOR, "Let an AI answer again", _enable, Nothing, Nothing, ProfileView),
    Route("PUT", f"{_ONE}/key", _OPERATOR, "Set the key of an AI's provider", _set_key, NewKey, Nothing, ProfileView),
    Route("DELETE", f"{_ONE}/key", _OPERATOR, "Remove an AI's own key", _remove_key, Nothing, Nothing, ProfileView),
    Route(
        "POST",
        f"{_ONE}/test",
        _OPERATOR,
        "Ask an AI's model for one word, and say whether it answers and how fast",
        _test,
        Nothing,
        Nothing,
        ProfileTest,
    ),
)
