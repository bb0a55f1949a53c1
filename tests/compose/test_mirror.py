"""A real server with a mirror: what its disk loses comes back from the file store, by the row in its Postgres."""

import shutil
from pathlib import Path

import pytest

from multiplayer.compose import server
from multiplayer.live.mirroring import Mirror
from multiplayer.protocol.ids import AccountId, RoomId
from multiplayer.settings import Settings, load_settings
from tests.support.mirrors import push_now


def test_workspaces_are_mirrored_where_the_files_are_in_a_foreign_store_or_somebody_says_so(tmp_path: Path) -> None:
    assert not load_settings(tmp_path).mirrors_workspaces
    assert load_settings(tmp_path, workspace_mirror="on").mirrors_workspaces
    foreign = {"blobs": "s3", "s3_bucket": "b", "s3_access_key_id": "k", "s3_secret_access_key": "s"}
    assert load_settings(tmp_path, **foreign).mirrors_workspaces
    assert not load_settings(tmp_path, **foreign, workspace_mirror="off").mirrors_workspaces


async def _written(settings: Settings) -> tuple[RoomId, AccountId]:
    async with server(settings) as running:
        pod = running.pod
        alice = await pod.lobby.create_account("alice", origin="cli")
        room_id = await pod.lobby.create_room(alice.id, "demo", origin="cli")
        await pod.workspace.door.write(room_id, alice.id, "deep/plan.txt", b"kept", None)
        await pod.workspace.door.write(room_id, alice.id, "run.sh", b"#!/bin/sh\n", None)
    return room_id, alice.id


@pytest.mark.slow
async def test_a_server_that_lost_its_workspaces_has_them_again_at_their_first_use(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, workspace_mirror="on", port=0, terminal=False, welcome="off")
    room_id, alice = await _written(settings)
    for name in ("workspaces", "checkpoints"):
        shutil.rmtree(tmp_path / name)
    async with server(settings) as running:
        pod = running.pod
        listing = await pod.workspace.reports.listing(room_id, alice, "")
        assert [entry.name for entry in listing.entries] == ["deep", "run.sh"]
        assert (listing.mirror.state, listing.mirror.version) == ("synced", 1)
        assert (await pod.workspace.reports.read(room_id, alice, "deep/plan.txt")).data == b"kept"
        await pod.workspace.door.write(room_id, alice, "run.sh", b"", "*")
        mirror = pod.workspace.reports._workbench.mirror
        assert isinstance(mirror, Mirror)
        assert (await push_now(mirror, room_id)).version == 2
        assert b'multiplayer_workspace_pushes_total{outcome="pushed"} 1.0' in pod.metrics.text()
