"""Hostile file calls as data: what is planted, what is called, and the very reason for which it must fail.

`{outside}` stands for a folder beside the workspace that holds a secret; every planted name is used by one attack only,
so all of them can be planted side by side.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

PlantKind = Literal["file", "folder", "link", "hard", "fifo", "socket", "device", "sparse", "many", "deep"]
Naive = Literal["", "plain", "unquoted", "folded", "backslashes", "cut at NUL"]


@dataclass(frozen=True, slots=True)
class Plant:
    kind: PlantKind
    path: str
    value: str = ""
    """A link's target, a file's text, a count."""


@dataclass(frozen=True, slots=True)
class FileAttack:
    name: str
    area: str
    tool: str
    arguments: Mapping[str, JsonValue] | str
    """A text is sent as it is, whatever JSON it may be."""
    code: str | None
    """Why it is refused. None: it may run, and does no harm."""
    plants: tuple[Plant, ...] = ()
    naive: Naive = ""
    """How a careless opening of `path` reads the secret: shown first, so that the attack is one."""
    role: Literal["owner", "member"] = "owner"
    """A member needs an approval for a sensitive write, and gets none."""


def _read(
    name: str, path: str, code: str | None, *plants: Plant, area: str = "traversal", naive: Naive = ""
) -> FileAttack:
    return FileAttack(name, area, "read_file", {"path": path}, code, plants, naive)


def _every_tool(
    name: str, area: str, path: str, code: str, *plants: Plant, skip: Sequence[str] = ()
) -> list[FileAttack]:
    """The same path as every argument that takes one."""
    calls: list[tuple[str, dict[str, JsonValue]]] = [
        ("read_file", {"path": path}),
        ("write_file", {"path": path, "content": "overwritten"}),
        ("edit_file", {"path": path, "old": "s", "new": "overwritten", "replace_all": True}),
        ("list_files", {"path": path, "depth": 3}),
        ("search_files", {"path": path, "query": "e"}),
        ("move_file", {"source": path, "destination": f"stolen by {name}"}),
        ("delete_file", {"path": path}),
    ]
    return [FileAttack(f"{name}: {tool}", area, tool, call, code, plants) for tool, call in calls if tool not in skip]


def _link(path: str, target: str) -> Plant:
    return Plant("link", path, target)


TRAVERSAL = [
    _read("dots", "../outside/secret", "bad_path", naive="plain"),
    _read("dots after a folder", "sub/../../outside/secret", "bad_path", naive="plain"),
    _read("dots after single dots", "./././../outside/secret", "bad_path", naive="plain"),
    _read("dots among slashes", "sub//..//..//outside//secret", "bad_path", naive="plain"),
    _read("dots into a sibling of like name", "../ws-evil/secret", "bad_path", naive="plain"),
    _read("absolute", "{outside}/secret", "bad_path", naive="plain"),
    _read("absolute with two slashes", "/{outside}/secret", "bad_path", naive="plain"),
    _read("absolute through a magic link", "/proc/self/root{outside}/secret", "bad_path", naive="plain"),
    _read("our own environment", "/proc/self/environ", "bad_path"),
    _read("our own standard input", "/dev/stdin", "bad_path"),
    _read("backslashes", "..\\outside\\secret", "bad_path", naive="backslashes"),
    _read("a Windows device path", "\\\\?\\C:\\secret", "bad_path"),
    _read("dots after NUL", "plain.txt\0/../../outside/secret", "bad_path"),
    _read("a name cut at NUL", "cut\0.txt", "bad_path", _link("cut", "{outside}/secret"), naive="cut at NUL"),
    _read("NUL alone", "\0", "bad_path"),
    _read("escaped dots", "%2e%2e/outside/secret", "not_found", naive="unquoted"),
    _read("escaped slashes", "..%2foutside%2fsecret", "not_found", naive="unquoted"),
    _read("dots escaped twice", "%252e%252e/outside/secret", "not_found"),
    _read("wide dots", "．．/outside/secret", "not_found", naive="folded"),
    _read("a two dot leader", "‥/outside/secret", "not_found", naive="folded"),
    _read("a wide slash", "..／outside／secret", "not_found", naive="folded"),
    _read("a division slash", "..∕outside∕secret", "not_found"),
    _read("dots and a space", ".. /outside/secret", "not_found"),
    _read("four dots", "....//outside/secret", "not_found"),
    _read("dots and a semicolon", "..;/outside/secret", "not_found"),
    _read("home", "~/.ssh/id_rsa", "not_found"),
    _read("somebody's home", "~root/.bashrc", "not_found"),
    _read("a variable", "$HOME/.bashrc", "not_found"),
    _read("a command", "$(cat {outside}/secret)", "not_found"),
    _read("an address", "file:{outside}/secret", "not_found"),
    _read("a path too long", "a/" * 600 + "f", "bad_path"),
    _read("a name too long", "é" * 200, "bad_path"),
    *_every_tool("dots", "traversal", "../outside/secret", "bad_path", skip=["read_file"]),
    FileAttack("dots up to a folder", "traversal", "list_files", {"path": ".."}, "bad_path"),
    FileAttack(
        "a destination outside",
        "traversal",
        "move_file",
        {"source": "plain.txt", "destination": "../outside/new"},
        "bad_path",
    ),
    FileAttack(
        "an absolute destination",
        "traversal",
        "move_file",
        {"source": "plain.txt", "destination": "{outside}/new"},
        "bad_path",
    ),
    FileAttack("the workspace itself deleted", "traversal", "delete_file", {"path": "./."}, "bad_path"),
    FileAttack(
        "the workspace itself moved", "traversal", "move_file", {"source": "", "destination": "sub/x"}, "bad_path"
    ),
    FileAttack(
        "folders deeper than are measured",
        "traversal",
        "write_file",
        {"path": "d/" * 400 + "f", "content": ""},
        "bad_path",
    ),
]

LINKS = [
    _read("absolute link", "l1", "outside", _link("l1", "{outside}/secret"), area="links", naive="plain"),
    _read("relative link", "l2", "outside", _link("l2", "../outside/secret"), area="links", naive="plain"),
    _read(
        "chain of links",
        "l3",
        "outside",
        _link("l3", "l3b"),
        _link("l3b", "sub/l3c"),
        _link("sub/l3c", "../../outside/secret"),
        area="links",
        naive="plain",
    ),
    _read("link to a folder", "l4/secret", "outside", _link("l4", "../outside"), area="links", naive="plain"),
    _read("link to a sibling", "l5/secret", "outside", _link("l5", "../ws-evil"), area="links", naive="plain"),
    _read(
        "magic link to the root",
        "l6{outside}/secret",
        "outside",
        _link("l6", "/proc/self/root"),
        area="links",
        naive="plain",
    ),
    _read("magic link as a target", "l7", "outside", _link("l7", "/proc/self/root{outside}/secret"), area="links"),
    _read("magic link to descriptors", "l8/0", "outside", _link("l8", "/proc/self/fd"), area="links"),
    _read("magic link to our environment", "l9", "outside", _link("l9", "/proc/self/environ"), area="links"),
    _read("link to the folder above it", "l10/outside/secret", "outside", _link("l10", ".."), area="links"),
    _read("link in a circle", "l11", "outside", _link("l11", "l11"), area="links"),
    _read("link to a device", "l12", "outside", _link("l12", "/dev/zero"), area="links"),
    _read(
        "link in a folder that a link inside leads to",
        "l13/up/secret",
        "outside",
        _link("l13", "d13"),
        _link("d13/up", "../../outside"),
        area="links",
        naive="plain",
    ),
    *_every_tool(
        "link to a file", "links", "l14", "outside", _link("l14", "{outside}/secret"), skip=["read_file", "delete_file"]
    ),
    *_every_tool("link to a folder", "links", "l15/secret", "outside", _link("l15", "{outside}"), skip=["read_file"]),
    *_every_tool(
        "link to a folder, with a slash",
        "links",
        "l16/.",
        "outside",
        _link("l16", "{outside}"),
        skip=["read_file", "delete_file"],
    ),
    FileAttack(
        "a link that dangles outside",
        "links",
        "write_file",
        {"path": "l17", "content": "x"},
        "outside",
        (_link("l17", "{outside}/new"),),
    ),
    FileAttack(
        "folders made behind a link",
        "links",
        "write_file",
        {"path": "l18/new/deep/file", "content": "x"},
        "outside",
        (_link("l18", "{outside}"),),
    ),
    FileAttack(
        "a move behind a link",
        "links",
        "move_file",
        {"source": "f19", "destination": "l19/f"},
        "outside",
        (_link("l19", "{outside}"), Plant("file", "f19", "x")),
    ),
    FileAttack(
        "a write over a link inside",
        "links",
        "write_file",
        {"path": "l20/hooks/x", "content": "x"},
        "outside",
        (_link("l20", ".git20"), Plant("folder", ".git20/hooks")),
    ),
    FileAttack("a link deleted", "links", "delete_file", {"path": "l21"}, None, (_link("l21", "{outside}"),)),
    FileAttack(
        "a tree with links deleted",
        "links",
        "delete_file",
        {"path": "t22"},
        None,
        (_link("t22/a/out", "{outside}"), _link("t22/secret", "{outside}/secret"), Plant("hard", "t22/hard")),
    ),
    FileAttack(
        "a listing over links",
        "links",
        "list_files",
        {"path": "t23", "depth": 16},
        None,
        (_link("t23/out", "{outside}"), _link("t23/root", "/")),
    ),
    FileAttack(
        "a search over links",
        "links",
        "search_files",
        {"path": "t24", "query": "canary"},
        None,
        (_link("t24/out", "{outside}"), _link("t24/secret", "{outside}/secret"), Plant("hard", "t24/hard")),
    ),
    *_every_tool("hard link", "links", "h25", "hard_link", Plant("hard", "h25"), skip=["list_files", "delete_file"]),
    FileAttack("a hard link deleted", "links", "delete_file", {"path": "h26"}, None, (Plant("hard", "h26"),)),
]

SPECIAL = [
    *_every_tool("FIFO", "special files", "p1", "wrong_kind", Plant("fifo", "p1"), skip=["delete_file"]),
    *_every_tool("socket", "special files", "s2", "wrong_kind", Plant("socket", "s2"), skip=["delete_file"]),
    *_every_tool("device", "special files", "c3", "wrong_kind", Plant("device", "c3"), skip=["delete_file"]),
    FileAttack(
        "a FIFO among what is searched",
        "special files",
        "search_files",
        {"path": "d4", "query": "x"},
        None,
        (Plant("fifo", "d4/p"),),
    ),
    FileAttack("a FIFO deleted", "special files", "delete_file", {"path": "p5"}, None, (Plant("fifo", "p5"),)),
    FileAttack("a folder read", "special files", "read_file", {"path": "d6"}, "wrong_kind", (Plant("folder", "d6"),)),
    FileAttack(
        "a folder written",
        "special files",
        "write_file",
        {"path": "d7", "content": ""},
        "wrong_kind",
        (Plant("folder", "d7"),),
    ),
    FileAttack(
        "a file as a folder",
        "special files",
        "write_file",
        {"path": "f8/x", "content": ""},
        "wrong_kind",
        (Plant("file", "f8", "x"),),
    ),
    FileAttack(
        "a move under a file",
        "special files",
        "move_file",
        {"source": "d9", "destination": "f9/x"},
        "wrong_kind",
        (Plant("file", "f9", "x"), Plant("folder", "d9")),
    ),
    FileAttack(
        "a move into itself",
        "special files",
        "move_file",
        {"source": "d10", "destination": "d10/a/b"},
        "bad_arguments",
        (Plant("folder", "d10/a"),),
    ),
    FileAttack(
        "a move over a file",
        "special files",
        "move_file",
        {"source": "f11", "destination": "plain.txt"},
        "exists",
        (Plant("file", "f11", "x"),),
    ),
    FileAttack(
        "a move over a folder",
        "special files",
        "move_file",
        {"source": "d12", "destination": "sub"},
        "exists",
        (Plant("folder", "d12"),),
    ),
]

HUGE = [
    _read("sparse file", "big1", "too_big", Plant("sparse", "big1", str(10**12)), area="huge"),
    FileAttack(
        "sparse file edited",
        "huge",
        "edit_file",
        {"path": "big2", "old": "a", "new": "b"},
        "too_big",
        (Plant("sparse", "big2", str(10**12)),),
    ),
    FileAttack(
        "sparse file searched",
        "huge",
        "search_files",
        {"path": "d3b", "query": "a"},
        None,
        (Plant("sparse", "d3b/big", str(10**12)),),
    ),
    FileAttack("a huge content", "huge", "write_file", {"path": "w4", "content": "x" * 3_000_000}, "too_big"),
    FileAttack(
        "an edit that multiplies",
        "huge",
        "edit_file",
        {"path": "e5", "old": "a", "new": "b" * 100_000, "replace_all": True},
        "too_big",
        (Plant("file", "e5", "a" * 10_000),),
    ),
    FileAttack(
        "a line without end", "huge", "read_file", {"path": "r6"}, None, (Plant("file", "r6", "x" * 5_000_000),)
    ),
    FileAttack(
        "a diff of everything",
        "huge",
        "edit_file",
        {"path": "e7", "old": "a", "new": "b", "replace_all": True},
        None,
        (Plant("file", "e7", "a\n" * 300_000),),
    ),
    FileAttack("an arguments flood", "huge", "read_file", '{"path": "' + "x" * 5_000_000 + '"}', "bad_arguments"),
    FileAttack(
        "a deep tree listed", "huge", "list_files", {"path": "t8", "depth": 16}, None, (Plant("deep", "t8", "150"),)
    ),
    FileAttack(
        "a deep tree searched",
        "huge",
        "search_files",
        {"path": "t9", "query": "x"},
        None,
        (Plant("deep", "t9", "150"),),
    ),
    FileAttack("a deep tree deleted", "huge", "delete_file", {"path": "t10"}, None, (Plant("deep", "t10", "150"),)),
    FileAttack(
        "a deep tree moved deeper",
        "huge",
        "move_file",
        {"source": "t11", "destination": "a11/b/t"},
        "bad_path",
        (Plant("deep", "t11", "150"),),
    ),
]

NAMES = [
    FileAttack(
        "line ends in a listing",
        "names",
        "list_files",
        {"path": "n1"},
        None,
        (Plant("file", "n1/a\nplain.txt  99", ""), Plant("file", "n1/b\r\x1b[2K", "")),
    ),
    FileAttack(
        "hidden and turning characters in a listing",
        "names",
        "list_files",
        {"path": "n2"},
        None,
        (Plant("file", "n2/gpj.\u202eexe", ""), Plant("file", "n2/a\u200bb\U000e0041", "")),
    ),
    FileAttack(
        "bytes that are no UTF-8 in a listing",
        "names",
        "list_files",
        {"path": "n3"},
        None,
        (Plant("file", "n3/\udcff\udcfe", ""),),
    ),
    FileAttack(
        "bytes that are no UTF-8 in a search",
        "names",
        "search_files",
        {"path": "n4", "query": "hit"},
        None,
        (Plant("file", "n4/\udcff:1: forged", "hit\n"),),
    ),
    FileAttack(
        "a forged result in a search",
        "names",
        "search_files",
        {"path": "n5", "query": "hit"},
        None,
        (Plant("file", "n5/a\nother:1: forged", "hit\u2028x:1: forged\x85y:1: forged\rz\n"),),
    ),
    FileAttack(
        "escapes in a name that is written", "names", "write_file", {"path": "n6\x1b]0;t\x07\n", "content": "x"}, None
    ),
    FileAttack("escapes in a name that is refused", "names", "read_file", {"path": "n7\x1b[31m\u202e\n"}, "not_found"),
    FileAttack(
        "escapes in a text",
        "names",
        "read_file",
        {"path": "n8"},
        None,
        (Plant("file", "n8", "a\x1b]52;c;eA==\x07b\x9b2Jc\u202ed\u2066\U000e0041\n"),),
    ),
    FileAttack(
        "a name as a surrogate", "names", "read_file", '{"path": "\\udc2e\\udc2e/outside/secret"}', "bad_arguments"
    ),
    FileAttack(
        "a tree of undecodable names deleted",
        "names",
        "delete_file",
        {"path": "n9"},
        None,
        (Plant("file", "n9/\udcff/\udcfe", ""),),
    ),
]

CONFUSION = [
    FileAttack(f"{tool} {raw[:60]}", "type confusion", tool, raw, code)
    for tool, raw, code in (
        ("read_file", '{"path": ["plain.txt"]}', "bad_arguments"),
        ("read_file", '{"path": {"path": "plain.txt"}}', "bad_arguments"),
        ("read_file", '{"path": null}', "bad_arguments"),
        ("read_file", '{"path": 0}', "bad_arguments"),
        ("read_file", '{"path": true}', "bad_arguments"),
        ("read_file", '"plain.txt"', "bad_arguments"),
        ("read_file", '["plain.txt"]', "bad_arguments"),
        ("read_file", "null", "bad_arguments"),
        ("read_file", "", "bad_arguments"),
        ("read_file", '{"path": "plain.txt"} {"path": "plain.txt"}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "path": "../outside/secret"}', "bad_path"),
        ("read_file", '{"path": "plain.txt", "offset": 1.5}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "offset": -1}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "offset": 1e400}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "limit": true}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "limit": 99999999999999999999999}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "root": "/"}', "bad_arguments"),
        ("read_file", '{"path": "plain.txt", "__class__": "x"}', "bad_arguments"),
        ("read_file", '{"path": ' + "[" * 5000 + "]" * 5000 + "}", "bad_arguments"),
        ("write_file", '{"path": "w", "content": 5}', "bad_arguments"),
        ("write_file", '{"path": "w", "content": null}', "bad_arguments"),
        ("write_file", '{"path": "w", "content": "\\ud83d"}', "bad_arguments"),
        ("edit_file", '{"path": "plain.txt", "old": "", "new": "x"}', "bad_arguments"),
        ("edit_file", '{"path": "plain.txt", "old": "a", "new": "b", "replace_all": 1}', "bad_arguments"),
        ("edit_file", '{"path": "plain.txt", "old": "nowhere", "new": "x"}', "not_found"),
        ("edit_file", '{"path": "plain.txt", "old": "n", "new": "x"}', "not_unique"),
        ("list_files", '{"path": "", "depth": 1000000}', "bad_arguments"),
        ("search_files", '{"query": "a", "is_regex": "yes"}', "bad_arguments"),
        ("search_files", '{"query": ["a"]}', "bad_arguments"),
        ("delete_file", '{"path": "plain.txt", "_class": "sensitive_write"}', "bad_arguments"),
        ("delete_file", '{"path": "plain.txt", "recursive": true}', "bad_arguments"),
        ("read_file\0", '{"path": "plain.txt"}', "unknown_tool"),
        ("READ_FILE", '{"path": "plain.txt"}', "unknown_tool"),
        ("__init__", "{}", "unknown_tool"),
    )
]

_A_LOT = Plant("file", "re/a", ("a" * 30_000 + "!\n") * 4)
PATTERNS = [
    FileAttack(
        f"pattern {pattern[:40]}",
        "patterns",
        "search_files",
        {"query": pattern, "path": "re", "is_regex": True},
        code,
        (_A_LOT,),
    )
    for pattern, code in (
        ("(a+)+$", None),
        ("(a|a)*$", None),
        ("(a|aa)+$", None),
        ("(.*a){20}$", None),
        ("^(([a-z])+.)+[A-Z]([a-z])+$", None),
        ("(?:a?){300}a{300}c", None),
        ("(((((a*)*)*)*)*)*b", None),
        ("(" * 900, "bad_arguments"),
        ("(?:(?:a{1000}){1000}){1000}", "bad_arguments"),
        (r"(a)\1", "bad_arguments"),
        ("(?<=a)a", "bad_arguments"),
        ("(?P<x>a)(?P=x)", "bad_arguments"),
        (r"\pL{500}\pN{500}" * 20, "bad_arguments"),
        ("a" * 1001, "bad_arguments"),
        ("a\nb", "bad_arguments"),
    )
]

_EVIL = Plant("file", "evil/hooks/pre-commit", "#!/bin/sh\n")
PROTECTED = [
    FileAttack(name, "protected paths", tool, arguments, "not_approved", plants, role="member")
    for name, tool, arguments, plants in (
        ("a hook", "write_file", {"path": ".git/hooks/pre-commit", "content": "x"}, ()),
        ("a hook by odd slashes", "write_file", {"path": "./.git/.//hooks//x", "content": "x"}, ()),
        ("a hook in capitals", "write_file", {"path": ".GIT/HOOKS/x", "content": "x"}, ()),
        ("a hook in wide letters", "write_file", {"path": ".ｇｉｔ/ｈooks/x", "content": "x"}, ()),
        ("a hook by a long s", "write_file", {"path": ".git/hook\u017f/x", "content": "x"}, ()),
        ("a hook with an unseen character", "write_file", {"path": ".g\u200cit/hooks/x", "content": "x"}, ()),
        ("a submodule's hook", "write_file", {"path": ".git/modules/m/hooks/x", "content": "x"}, ()),
        ("a nested repository's config", "write_file", {"path": "sub/.git/config", "content": "x"}, ()),
        ("git's folder as a file", "write_file", {"path": ".git", "content": "gitdir: evil"}, ()),
        (
            "the config edited",
            "edit_file",
            {"path": ".git/config", "old": "x", "new": "y"},
            (Plant("file", ".git/config", "x"),),
        ),
        ("hooks moved into place", "move_file", {"source": "evil/hooks", "destination": "r1/.git/hooks"}, (_EVIL,)),
        ("a repository made by a move", "move_file", {"source": "evil", "destination": "r2/.GIT"}, (_EVIL,)),
        (
            "hooks moved away",
            "move_file",
            {"source": "r3/.git/hooks", "destination": "r3/h"},
            (Plant("file", "r3/.git/hooks/x", ""),),
        ),
        (
            "a folder with a repository moved",
            "move_file",
            {"source": "r4", "destination": "r5"},
            (Plant("file", "r4/in/.git/x", ""),),
        ),
        ("a repository deleted", "delete_file", {"path": "r6/.git"}, (Plant("file", "r6/.git/x", ""),)),
        ("a folder with a repository deleted", "delete_file", {"path": "r7"}, (Plant("file", "r7/in/.Git/x", ""),)),
        ("more than twenty files deleted", "delete_file", {"path": "m8"}, (Plant("many", "m8", "21"),)),
        ("more than can be counted deleted", "delete_file", {"path": "t9p"}, (Plant("deep", "t9p", "80"),)),
    )
]

ATTACKS: Sequence[FileAttack] = (*TRAVERSAL, *LINKS, *SPECIAL, *HUGE, *NAMES, *CONFUSION, *PATTERNS, *PROTECTED)
