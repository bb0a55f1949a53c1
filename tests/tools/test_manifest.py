"""What a checkpoint says to who follows a workspace, of trees of any shape."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from multiplayer.protocol.ids import RoomId
from multiplayer.tools.checkpoints.manifest import manifest, part
from multiplayer.tools.checkpoints.overlay import overlaid
from multiplayer.tools.checkpoints.store import Store, open_store
from multiplayer.tools.checkpoints.tree import Entry, Kind, digest_of, encode_folder

ROOM = RoomId("01ARZ3NDEKTSV4RRFFQ69G5FAV")
NAMES = st.sampled_from(["a", "b", "c"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.sampled_from([b"1", b"2"]), max_size=6)


def kept(store: Store, files: dict[str, bytes]) -> bytes:
    """Keep a tree of these files, and return its digest. Where a file is also a folder, it is a folder."""
    listing = []
    for name in {path.partition("/")[0] for path in files}:
        below = {path.partition("/")[2]: data for path, data in files.items() if path.startswith(f"{name}/")}
        if below:
            listing.append((name.encode(), Entry(Kind.FOLDER, 0o755, kept(store, below))))
        else:
            listing.append((name.encode(), Entry(Kind.FILE, 0o644, store.put(files[name]), len(files[name]))))
    return store.put(encode_folder(listing))


def tree_of(root: Path, files: dict[str, bytes]) -> str:
    with open_store(root, ROOM) as store:
        tree = kept(store, files)
        store.add_tree(tree)
        store.commit()
    return tree.hex()


@given(before=FILES, after=FILES, paths=st.lists(PATHS, max_size=5))
@settings(deadline=None, max_examples=60)
def test_many_paths_are_taken_over_at_once_as_one_after_the_other(
    before: dict[str, bytes], after: dict[str, bytes], paths: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        old, new = tree_of(root, before), tree_of(root, after)
        together = part(root, ROOM, old, new, paths)
        with open_store(root, ROOM) as store:
            step = bytes.fromhex(old)
            for path in sorted(paths):
                step = overlaid(store, step, bytes.fromhex(new), path.encode())
        assert together == step.hex()


@given(files=FILES)
@settings(deadline=None, max_examples=30)
def test_a_manifest_names_each_file_once_by_its_path_in_order(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told = manifest(Path(folder), ROOM, tree_of(Path(folder), files))
        expected = {
            path: digest_of(data).hex()
            for path, data in files.items()
            if not any(other.startswith(f"{path}/") for other in files)
        }
        assert [(entry.path, entry.sha256) for entry in told.entries] == sorted(expected.items())
        assert told.left_out == 0
