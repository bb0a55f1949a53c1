"""Hostile commands that do not end: daemons, held pipes, hangs, floods of output. With reduced limits."""

from dataclasses import replace
from typing import Final

from tests.redteam.attack import MIB, QUICK, Attack, StoppedBy, armed, python, shell

_SOON: Final = replace(QUICK, wall_s=1.2)

STAYING: Final = (
    Attack(
        name="daemons-deaf-to-signals",
        code=shell(
            "cat >d.py <<'X'\nimport os, signal, time\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"
            "if os.fork(): os._exit(0)\ntry: os.setsid()\nexcept OSError: pass\nif os.fork(): os._exit(0)\nfor n in 0, 1, 2: os.close(n)\ntime.sleep(300)\nX\n"
            "python3 d.py; python3 d.py & nohup python3 d.py >/dev/null 2>&1 & setsid python3 d.py & disown -a; wait"
        ),
    ),
    Attack(
        name="daemon-with-a-clean-name",
        code=shell(
            "(env -i setsid sleep 301 & ) ; (exec -a kworker sleep 302 & ) ; env -i python3 -c 'import os,time\nos.fork() and os._exit(0)\nos.chdir(\"/\")\ntime.sleep(303)'"
        ),
    ),
    Attack(
        name="orphans-of-a-subreaper",
        code=python(
            "libc.prctl(36, 1, 0, 0, 0); libc.prctl(1, 0, 0, 0, 0)\nfor _ in range(5):\n    if os.fork() == 0:\n        libc.prctl(1, 0, 0, 0, 0)\n"
            "        try: os.setsid()\n        except OSError as error: refused('setsid', error)\n        if os.fork() == 0: time.sleep(300)\n        os._exit(0)",
        ),
    ),
    Attack(
        name="running-away-by-forking",
        limits=_SOON,
        stopped_by=StoppedBy.WALL_TIME,
        code=armed("arm()\nif os.fork(): time.sleep(60)\nwhile True:\n    if os.fork(): os._exit(0)"),
    ),
    Attack(
        name="running-on-by-forking-after-the-end",
        code=python("if os.fork() == 0:\n    while True:\n        if os.fork(): os._exit(0)"),
    ),
    Attack(
        name="held-pipes",
        code=shell("sleep 300 & (sleep 301; echo late) & exec 5>&1; (sleep 302 >&5 &) ; mkfifo p; cat p & true"),
        room_never_sees="late",
    ),
    Attack(
        name="jobs-for-later",
        proves_little="the services are not there on every machine",
        code=shell(
            "for p in at batch crontab systemd-run start-stop-daemon screen tmux; do command -v $p >/dev/null && echo 'touch @FOLDER_SHM@/later' | timeout 3 $p now 2>&1 | head -c 300; done; true"
        ),
    ),
    Attack(
        name="hang",
        limits=_SOON,
        stopped_by=StoppedBy.WALL_TIME,
        code=shell("trap '' TERM INT HUP; echo armed\\-@NONCE@; mkfifo p; cat p; sleep 60"),
    ),
    Attack(
        name="stopped-processes",
        limits=_SOON,
        stopped_by=StoppedBy.WALL_TIME,
        code=armed(
            "for _ in range(5):\n    if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP); time.sleep(60)\narm()\nos.kill(os.getppid(), signal.SIGSTOP); os.kill(os.getpid(), signal.SIGSTOP)"
        ),
    ),
    Attack(
        name="output-flood",
        limits=replace(QUICK, output_bytes=MIB),
        stopped_by=StoppedBy.OUTPUT,
        code=shell("echo armed\\-@NONCE@; yes"),
    ),
    Attack(
        name="output-flood-of-many-processes",
        limits=replace(QUICK, output_bytes=MIB),
        stopped_by=StoppedBy.OUTPUT,
        code=shell("echo armed\\-@NONCE@; for i in 1 2 3 4 5; do cat /dev/zero >&2 & done; cat /dev/urandom"),
    ),
    Attack(
        name="quiet-flood-after-the-end",
        limits=replace(QUICK, output_bytes=MIB),
        code="(trap '' PIPE; sleep 0.2; yes >/dev/full; yes) & echo end\\-@NONCE@\nexit 5\n",
        status=5,
    ),
)
