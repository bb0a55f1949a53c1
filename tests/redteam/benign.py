"""Ordinary work, which must succeed in every stage: else "deny everything" would pass for a sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from tests.redteam.attack import QUICK, Kind, Limits, shell


@dataclass(frozen=True, kw_only=True)
class Benign:
    name: str
    code: str
    says: str
    """A pattern of its output."""
    needs: tuple[str, ...] = ()
    """Programs of the host."""
    limits: Limits = QUICK
    cannot: Mapping[Kind, str] = field(default_factory=dict)
    """Where it cannot work, and why that is so by design."""


_GIT: Final = "git -c user.name=alice -c user.email=alice@example.org"

BENIGN: Final = (
    Benign(
        name="git",
        needs=("git",),
        code=shell(
            f"set -e; git init -q repo; cd repo; echo one >a; git add a; {_GIT} commit -qm first; echo two >>a; {_GIT} commit -qam second;"
            " git checkout -qb side HEAD~1; git log --all --format=%s; git diff master..side --stat 2>/dev/null || git diff main..side --stat; git status --short; git clone -q . ../copy; ls ../copy"
        ),
        says=r"second\nfirst\n[^\0]*a \| 1 -[^\0]*a\n",
    ),
    Benign(
        name="script-of-python",
        code=shell("echo 'import json; print(json.dumps({\"sum\": sum(range(10))}))' >s.py; python3 s.py"),
        says=r'\{"sum": 45\}',
    ),
    Benign(
        name="subprocesses-and-threads",
        code=shell(
            "python3 - <<'X'\nimport subprocess, threading, concurrent.futures as f, os\n"
            "print(subprocess.run(['echo', 'child'], capture_output=True, text=True, check=True).stdout.strip())\n"
            "with f.ThreadPoolExecutor(4) as pool: print(sum(pool.map(abs, range(-5, 0))))\nprint(os.popen('expr 6 \\* 7').read().strip())\nX"
        ),
        says=r"child\n15\n42",
    ),
    Benign(
        name="multiprocessing",
        cannot={Kind.LANDLOCK: "named semaphores lie in /dev/shm, which all uids share"},
        code=shell(
            'printf \'import multiprocessing as m\\nif __name__ == "__main__":\\n    with m.get_context("fork").Pool(2) as p: print(p.map(abs, [-1, -2]))\\n\' >m.py; python3 m.py'
        ),
        says=r"\[1, 2\]",
    ),
    Benign(
        name="pipes",
        code=shell(
            "seq 1000 | grep 7 | sort -rn | head -n 3 | tr '\\n' ' '; echo a b c | awk '{print $2}' | sed 's/b/B/'; echo ${PIPESTATUS[@]}"
        ),
        says=r"997 987 979 B\n0 0 0",
    ),
    Benign(
        name="background-jobs",
        code=shell("for i in 1 2 3; do (sleep 0.1; echo job $i >>done) & done; wait; sort done; jobs"),
        says=r"job 1\njob 2\njob 3",
    ),
    Benign(
        name="heredocs-and-substitution",
        code=shell(
            "cat <<X >f\nhome $HOME\nX\ngrep -c home f; diff <(echo a) <(echo a) && echo same; x=$(cat f | wc -l); echo lines $x"
        ),
        says=r"1\nsame\nlines 1",
    ),
    Benign(
        name="long-heredoc",
        code=shell("cat <<X | wc -c\n" + "0123456789" * 9000 + "\nX\n"),
        says="90001",
    ),
    Benign(
        name="tar-and-gzip",
        code=shell(
            "mkdir d; seq 10000 >d/n; tar -czf d.tgz d; rm -r d; tar -xzf d.tgz; tail -n 1 d/n; gzip -k d/n; zcat d/n.gz | md5sum | cut -c1-4"
        ),
        says=r"10000\n[0-9a-f]{4}",
    ),
    Benign(
        name="c-compiler",
        needs=("cc",),
        code=shell(
            "printf '#include <stdio.h>\\n#include <math.h>\\nint main(void) { printf(\"%%.0f\\\\n\", sqrt(1764)); return 0; }\\n' >p.c; cc -O2 -Wall -o p p.c -lm && ./p"
        ),
        says="42",
    ),
    Benign(
        name="make",
        needs=("make", "cc"),
        code=shell("printf 'all: out\\nout:\\n\\techo built >out\\n' >Makefile; make -s -j2 && cat out"),
        says="built",
    ),
    Benign(
        name="node",
        needs=("node",),
        code=shell("node -e 'console.log([1,2,3].map(x => x * 2).join(), process.cwd().length > 0)'"),
        says="2,4,6 true",
        limits=Limits(wall_s=60.0),
    ),
    Benign(
        name="perl",
        needs=("perl",),
        code=shell('perl -e \'print join(",", map { $_ * 2 } 1..3), "\\n"\''),
        says="2,4,6",
    ),
    Benign(
        name="much-output",
        code=shell("seq 100000 | tail -c 400000 | wc -c; seq 40000"),
        says=r"400000\n1\n[^\0]*40000\n",
    ),
    Benign(
        name="unicode",
        code=shell("echo 'grüße 你好 😀' >ü; cat ü; ls; python3 -c 'print(open(\"ü\").read().strip()[::-1])'"),
        says="😀 好你 eßürg",
    ),
    Benign(
        name="unit-tests",
        code=shell(
            "printf 'import unittest\\nclass T(unittest.TestCase):\\n    def test_sum(self): self.assertEqual(1 + 1, 2)\\n' >test_a.py; python3 -m unittest 2>&1 | tail -n 3"
        ),
        says="OK",
    ),
    Benign(
        name="temporary-files",
        code=shell(
            'f=$(mktemp); echo kept >$f; cat $f; python3 -c \'import tempfile; t = tempfile.NamedTemporaryFile(); t.write(b"x"); print("temporary")\'; d=$(mktemp -d); rmdir $d'
        ),
        says="kept\ntemporary",
    ),
    Benign(
        name="own-signals",
        code=shell(
            "trap 'echo caught' USR1; kill -USR1 $$; sleep 60 & kill $!; wait $!; echo ended $?; timeout 0.2 sleep 60; echo timeout $?"
        ),
        says=r"caught\n[^\0]*ended 143\ntimeout 124",
    ),
    Benign(
        name="files-of-all-kinds",
        code=shell(
            "mkdir -p a/b; touch a/b/c; ln -s b a/l; ln a/b/c a/h; mkfifo p; chmod 700 a; chmod +x a/b/c; mv a x; cp -r x y; find y | sort | tr '\\n' ' '; rm -r x y p; ls -A | grep -v tmp; true"
        ),
        says=r"y y/b y/b/c y/h y/l",
    ),
    Benign(
        name="a-database",
        code=shell(
            'python3 -c \'import sqlite3\nd = sqlite3.connect("d.sqlite"); d.execute("create table t(a)"); d.executemany("insert into t values (?)", [(i,) for i in range(99)]); d.commit(); print(d.execute("select sum(a) from t").fetchone())\''
        ),
        says=r"\(4851,\)",
    ),
    Benign(
        name="reads-what-a-program-needs",
        code=shell(
            "date +%Z >/dev/null && python3 -c 'import ssl, random, os; print(len(os.urandom(8)), ssl.OPENSSL_VERSION[:7]); import pwd' && echo x >/dev/null && head -c 4 /dev/zero | wc -c"
        ),
        says=r"8 OpenSSL\n4",
    ),
)
