"""The files of the container image, read as a builder would read them: what goes in, who runs it, who can reach it."""

import json
import os
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, TypeAlias, cast

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
DOCKER: Final = ROOT / "docker"
SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|DATABASE_URL", re.IGNORECASE)
EXTRAS: Final = ("mcp", "oss", "s3", "azure")
FOR_BUBBLEWRAP: Final = {"clone", "mount", "pivot_root", "sethostname", "umount2", "unshare"}

Yaml: TypeAlias = "str | int | float | bool | list[Yaml] | dict[str, Yaml] | None"
Table: TypeAlias = dict[str, Yaml]


def instructions(stage: int | None = None) -> list[tuple[str, str]]:
    """The Dockerfile's instructions with what follows each, comments and line breaks taken out; of one stage or all."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = "\n".join(lines).replace("\\\n", " ").splitlines()
    found = [(line.split(None, 1)[0].upper(), line.split(None, 1)[1].strip()) for line in whole if line.strip()]
    if stage is None:
        return found
    starts = [number for number, (word, _) in enumerate(found) if word == "FROM"]
    begin = starts[stage]
    later = [start for start in starts if start > begin]
    return found[begin : later[0] if later else None]


def words(instruction: str, stage: int | None = None) -> list[str]:
    return [rest for word, rest in instructions(stage) if word == instruction]


def compose(name: str) -> dict[str, Table]:
    read = cast("dict[str, dict[str, Table]]", yaml.safe_load((DOCKER / name).read_text(encoding="utf-8")))
    return read["services"]


def listed(value: Yaml) -> list[str]:
    assert isinstance(value, list)
    return [str(item) for item in value]


def is_left_out(path: str) -> bool:
    """What Docker decides by .dockerignore: of all patterns that name the path or a folder above it, the last one."""
    decided = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        is_kept = pattern.startswith("!")
        parts = path.split("/")
        above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
        if any(_matches(place, pattern.removeprefix("!")) for place in above):
            decided = not is_kept
    return decided


def _matches(place: str, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(place.rsplit("/", 1)[-1], pattern.removeprefix("**/"))
    return place.count("/") == pattern.count("/") and fnmatchcase(place, pattern)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_image_runs_as_an_ordinary_user() -> None:
    user = words("USER", stage=-1)[-1].split(":")[0]
    assert user.isdecimal(), "a number, so that an orchestrator can see that it is not root"
    assert int(user) >= 10_000


def test_the_server_is_process_1_and_gets_its_signals_itself() -> None:
    for instruction in ("ENTRYPOINT", "CMD"):
        last = words(instruction, stage=-1)[-1]
        assert isinstance(json.loads(last), list), f"{instruction} in exec form: a shell passes no signal on"


def test_the_image_asks_whether_the_server_is_ready_without_a_tool_that_slim_images_lack() -> None:
    check = words("HEALTHCHECK", stage=-1)[-1]
    command = json.loads(check[check.index("CMD") + len("CMD") :])
    assert command[0] == "python"
    assert "/readyz" in command[-1]
    compile(command[-1], "healthcheck", "exec")


def test_the_data_lies_in_a_volume_and_every_address_is_listened_on_only_inside() -> None:
    settings = dict(part.split("=", 1) for text in words("ENV", stage=-1) for part in text.split())
    assert settings["MULTIPLAYER_DATA_DIR"] in words("VOLUME", stage=-1)
    assert settings["MULTIPLAYER_HOST"] == "0.0.0.0"
    assert settings["MULTIPLAYER_PORT"] in words("EXPOSE", stage=-1)


def test_no_secret_and_no_address_of_an_index_is_built_in() -> None:
    named = [part.split("=", 1)[0] for word in ("ENV", "ARG") for text in words(word) for part in text.split()]
    assert named
    assert [name for name in named if SECRET.search(name)] == []
    assert "://" not in (DOCKER / "Dockerfile").read_text(encoding="utf-8")


def test_everything_that_pip_fetches_is_checked_by_hash() -> None:
    pips = [command for text in words("RUN") for command in text.split("&&") if "/pip" in command]
    assert len(pips) >= 3
    for command in pips:
        if re.search(r"\b(install|wheel)\b", command):
            assert "--require-hashes" in command or "--no-index" in command, command
    for name in (DOCKER / "build-requirements.txt", ROOT / "requirements" / "runtime.txt"):
        text = name.read_text(encoding="utf-8")
        pins = re.split(r"\n(?=\S)", text.strip())
        assert pins
        assert [pin for pin in pins if "==" not in pin or "--hash=sha256:" not in pin] == []
        assert "://" not in text


def test_what_is_copied_into_the_build_is_there_and_goes_along() -> None:
    sources = [
        source
        for text in words("COPY", stage=0)
        for source in [part for part in text.split() if not part.startswith("--")][:-1]
    ]
    assert "multiplayer" in sources
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert [source for source in sources if is_left_out(source)] == []
    assert not is_left_out("multiplayer/cli/serve.py")
    assert not is_left_out("multiplayer/transports/web/assets/index-0a1b2c3d.js.br")
    assert not is_left_out("sql/migrations/0001_pre_first.sql")


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        ".env",
        "data/postgres/PG_VERSION",
        "docker/.env",
        "multiplayer/.env",
        "multiplayer/__pycache__/settings.cpython-311.pyc",
        "multiplayer/cli/__pycache__",
        "tests/conftest.py",
        "requirements/dev.txt",
        "deepseek.key",
    ],
)
def test_what_is_private_or_not_needed_does_not_go_into_the_build(path: str) -> None:
    assert is_left_out(path)


def test_the_pinned_requirements_cover_every_dependency_of_the_project_and_of_the_extras() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    pinned: dict[str, list[tuple[int, ...]]] = {}
    text = (ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([0-9][0-9.]*)", text, re.MULTILINE):
        pinned.setdefault(normal(name), []).append(_numbers(version))
    stale = []
    for requirement in wanted:
        name, ranges = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?([^;]*)", requirement).groups()  # type: ignore[union-attr]  # every requirement begins with a name
        versions = pinned.get(normal(name), [])
        if not versions or not all(_is_within(version, ranges) for version in versions):
            stale.append(requirement)
    assert stale == [], "make requirements/runtime.txt anew (docs/dependencies.md says how)"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.strip(".").split("."))


def _is_within(version: tuple[int, ...], ranges: str) -> bool:
    for bound in filter(None, (part.strip() for part in ranges.split(","))):
        limit = _numbers(bound.lstrip("<>="))
        if bound.startswith(">=") and version < limit:
            return False
        if bound.startswith("<") and version >= limit:
            return False
    return True


def test_compose_publishes_on_this_machine_only() -> None:
    ports = [port for service in compose("compose.yaml").values() for port in listed(service.get("ports", []))]
    assert ports
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_composes_containers_have_no_rights_and_a_root_that_cannot_be_written() -> None:
    for name, service in compose("compose.yaml").items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in listed(service["security_opt"]), name
        assert "privileged" not in service, name
        assert "cap_add" not in service, name
        assert any(place.startswith("/tmp") for place in listed(service["tmpfs"])), name
        assert str(service["restart"]) == "unless-stopped", name


def test_composes_database_has_no_network_and_no_password() -> None:
    services = compose("compose.yaml")
    database = services["db"]
    assert database["network_mode"] == "none"
    assert "listen_addresses=" in listed(database["command"])
    assert "ports" not in database
    environments = [cast("Table", service["environment"]) for service in services.values()]
    assert [name for values in environments for name in values if "PASSWORD" in name] == []
    address = str(environments[0]["DATABASE_URL"])
    folder = address.split("host=", 1)[1]
    assert f"unix_socket_directories={folder}" in listed(database["command"])
    assert f"db-socket:{folder}" in listed(database["volumes"])
    assert services["server"]["depends_on"] == {"db": {"condition": "service_healthy"}}


def test_compose_needs_no_file_that_is_not_in_the_checkout() -> None:
    for name in ("compose.yaml", "compose.strict.yaml"):
        for service in compose(name).values():
            for file in cast("list[Table]", service.get("env_file", [])):
                assert file["required"] is False
            for option in listed(service.get("security_opt", [])):
                if option.startswith("seccomp="):
                    assert (DOCKER / option.removeprefix("seccomp=")).is_file()


def test_the_strict_profile_is_never_for_root_and_adds_no_capability() -> None:
    server = compose("compose.strict.yaml")["server"]
    options = listed(server["security_opt"])
    assert "systempaths=unconfined" in options
    assert not str(server["user"]).startswith("0"), "root with an unmasked /proc is root on the host"
    assert "cap_add" not in server
    assert "privileged" not in server
    assert "seccomp=unconfined" not in options


def test_the_strict_profile_adds_to_dockers_only_what_bubblewrap_needs() -> None:
    profile = json.loads((DOCKER / "seccomp-strict.json").read_text(encoding="utf-8"))
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    rules = profile["syscalls"]
    free = [rule for rule in rules if FOR_BUBBLEWRAP & set(rule["names"])]
    assert len(free) == 1, "a second rule on the same call would contradict the first"
    assert set(free[0]["names"]) == FOR_BUBBLEWRAP
    always = {
        name
        for rule in rules
        if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("includes") and not rule.get("args")
        for name in rule["names"]
    }
    assert always.isdisjoint({"bpf", "init_module", "kexec_load", "keyctl", "open_by_handle_at", "ptrace", "setns"})


def test_the_proof_can_be_started() -> None:
    proof = DOCKER / "prove"
    assert os.access(proof, os.X_OK)
    assert proof.read_text(encoding="utf-8").startswith("#!/usr/bin/env bash\n")
