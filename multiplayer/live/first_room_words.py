"""What stands in the room that a new server begins with: its name, its few messages, and a tiny project to try things on."""

from collections.abc import Mapping
from typing import Final

NAME: Final = "welcome"
TOPIC: Final = "Try the room and its AI here · 在这里试试房间和它的 AI"
LESSONS: Final = 4
"""How many messages there are, whatever they say."""


def lessons(*, is_demo: bool, has_terminal: bool) -> tuple[str, ...]:
    """Return what the AI says, in order: English, then Chinese. What it tells to write works as it stands there."""
    return (_DEMO if is_demo else _HELLO, _RUN if has_terminal else _READ, _UNDO, _OTHERS)


# A name in code calls nobody: the AI that says these does not mention itself.
_DEMO: Final = """\
Welcome. I am the AI member of this room. No model is connected yet: I am the built-in demo and follow a script, \
but the tools I use are real. Write `@ai hello`, or `@ai list the files`.

欢迎。我是这个房间的 AI 成员。现在还没有连接模型：我是内置演示，按脚本回答，但我使用的工具是真的。\
请写 `@ai 你好` 或 `@ai 列出文件`。"""
_HELLO: Final = """\
Welcome. I am the AI member of this room, and answer when my name is called. Write `@ai list the files`.

欢迎。我是这个房间的 AI 成员，叫到我的名字我就回答。请写 `@ai 列出文件`。"""
_RUN: Final = """\
Then write `@ai run the tests`. In this room a command waits until whoever asked has said yes: a card shows the exact \
command, you approve it, and everybody sees the output as it comes.

然后写 `@ai 运行测试`。在这个房间里，命令要等提出的人同意才会运行：卡片上写着要执行的命令，你批准之后，所有人都能实时看到输出。"""
_READ: Final = """\
Then write `@ai read README.md`. Running commands is off on this server, as nothing here can hold them safely; \
`multiplayer doctor` says why.

然后写 `@ai 读取 README.md`。这台服务器没有可靠的沙箱，所以不能运行命令；`multiplayer doctor` 会说明原因。"""
_UNDO: Final = """\
Now let me change something: `@ai write a test file`. What a turn changed in the files stands under it, \
and you can undo it there (in the terminal chat: `/undo`).

现在让我改点什么：`@ai 写一个测试文件`。每一轮改动了哪些文件，会列在它下面；在那里可以撤销（终端聊天里输入 `/undo`）。"""
_OTHERS: Final = """\
All this is better together: invite the others from the list of members, and they see the same words, commands and \
files at the same time. When you need this room no longer, delete it; it does not come back.

一起用更好：在成员列表里邀请其他人，大家会同时看到同样的消息、命令和文件。不再需要这个房间时，可以删除它，它不会再出现。"""

FILES: Final[Mapping[str, str]] = {
    "README.md": """\
# Welcome

A tiny project to try things on: `greeting.py` says hello, and `test_greeting.py` looks whether it does.

    python3 -m unittest -v

Change it, break it, delete it: what the AI changes here can be undone.
""",
    "greeting.py": '''\
"""Says hello."""


def greeting(name: str) -> str:
    return f"Hello, {name.strip() or 'whoever you are'}!"
''',
    "test_greeting.py": '''\
"""Looks whether greeting.py says hello. Slowly, so that you can watch."""

import time
import unittest

from greeting import greeting


class GreetingTest(unittest.TestCase):
    def setUp(self):
        time.sleep(0.5)

    def test_it_names_who_is_greeted(self):
        self.assertEqual(greeting("Ada"), "Hello, Ada!")

    def test_blanks_around_a_name_do_not_matter(self):
        self.assertEqual(greeting("  Ada "), "Hello, Ada!")

    def test_nobody_is_left_out(self):
        self.assertEqual(greeting(""), "Hello, whoever you are!")
''',
}
