"""A tree in which only some paths are as in another: one author's part of what changed at one time."""

from multiplayer.tools.checkpoints.store import Store
from multiplayer.tools.checkpoints.tree import UNKEPT, Entry, Kind, decode_folder, encode_folder


def overlaid(store: Store, under: bytes, over: bytes, path: bytes) -> bytes:
    """Return the root of the tree `under` with what `over` has at `path`, kept in the store. Raises `CheckpointGone`."""
    made = _overlaid(store, Entry(Kind.FOLDER, data=under), Entry(Kind.FOLDER, data=over), path.split(b"/"))
    assert made is not None, "a workspace is a folder"
    return made.data


def _overlaid(store: Store, under: Entry | None, over: Entry | None, names: list[bytes]) -> Entry | None:
    if not names:
        return over
    listing, other = _listing(store, under), _listing(store, over)
    if under == UNKEPT or b"" in listing:
        return under  # of what was not kept nothing can be said
    name, *below = names
    made = _overlaid(store, listing.get(name), other.get(name), below)
    if made == listing.get(name):
        return under
    if made is None:
        del listing[name]
    else:
        listing[name] = made
    folder = under if under is not None and under.kind is Kind.FOLDER else over
    assert folder is not None, "something lies in it"
    return Entry(Kind.FOLDER, folder.mode, store.put(encode_folder(listing.items())))


def _listing(store: Store, entry: Entry | None) -> dict[bytes, Entry]:
    return decode_folder(store.folder(entry.data)) if entry is not None and entry.kind is Kind.FOLDER else {}
