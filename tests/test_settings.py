"""The settings: where they come from, what they refuse, and that their example is true."""

from pathlib import Path

import pytest

from multiplayer.settings import BadSettings, described, example, load_settings, unknown_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "DEEPSEEK_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "SUPABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_committed_example_is_what_the_settings_say() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example(), "run `make docs`"


def test_without_anything_set_the_server_listens_on_this_machine_only() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 3002)


def test_an_argument_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("MULTIPLAYER_PORT=1\nMULTIPLAYER_HOST=127.0.0.2\nOPENAI_MODEL=from-file\n")
    monkeypatch.setenv("MULTIPLAYER_PORT", "2")
    assert load_settings().port == 2
    assert load_settings(port=3).port == 3
    assert load_settings().host == "127.0.0.2"
    assert load_settings().openai_model == "from-file"


def test_a_secret_can_come_from_a_file_and_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key").write_text("sk-canary-1234567890\n")
    monkeypatch.setenv("DEEPSEEK_API_KEY_FILE", str(tmp_path / "key"))
    settings = load_settings()
    assert settings.deepseek_api_key is not None
    assert settings.deepseek_api_key.get_secret_value() == "sk-canary-1234567890"
    line = next(line for line in described(settings) if line.name == "DEEPSEEK_API_KEY")
    assert line.source == "file"
    assert "canary" not in repr(settings) + repr(described(settings))


def test_an_empty_value_means_not_set(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DEEPSEEK_API_KEY=\nDATABASE_URL=\n")
    settings = load_settings()
    assert settings.deepseek_api_key is None
    assert settings.database_url is None


def test_a_secrets_file_counts_where_the_variable_is_empty_and_when_the_file_of_settings_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("sk-from-a-file\n")
    (tmp_path / ".env").write_text(f"DEEPSEEK_API_KEY_FILE={tmp_path / 'key'}\n")
    for empty in (False, True):
        if empty:
            monkeypatch.setenv("DEEPSEEK_API_KEY", "")
        key = load_settings().deepseek_api_key
        assert key is not None
        assert key.get_secret_value() == "sk-from-a-file"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"BLOBS": "oss"}, "OSS_ENDPOINT, OSS_BUCKET, OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET"),
        ({"BLOBS": "s3", "S3_BUCKET": "b"}, "S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY"),
        ({"BLOBS": "ftp"}, "BLOBS"),
        ({"MULTIPLAYER_TRANSCRIBER": "http"}, "MULTIPLAYER_TRANSCRIBER_URL"),
    ],
)
def test_a_store_or_service_without_what_it_needs_is_named(
    environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=named):
        load_settings()


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"MULTIPLAYER_PORT": "many"}, "MULTIPLAYER_PORT"),
        ({"MULTIPLAYER_PORT": "70000"}, "MULTIPLAYER_PORT"),
        ({"OPENAI_API_KEY": "sk-canary"}, "OPENAI_BASE_URL"),
        ({"SUPABASE_JWT_SECRET": "canary"}, "SUPABASE_URL"),
        ({"SUPABASE_ANON_KEY": "canary"}, "SUPABASE_URL"),
        ({"SUPABASE_PROVIDERS": "github,<canary>"}, "SUPABASE_PROVIDERS"),
        ({"SUPABASE_PROVIDERS": ","}, "SUPABASE_PROVIDERS"),
        ({"MULTIPLAYER_LOG_LEVEL": "loud"}, "MULTIPLAYER_LOG_LEVEL"),
        ({"DEEPSEEK_API_KEY_FILE": "not-there"}, "DEEPSEEK_API_KEY_FILE"),
    ],
)
def test_a_bad_value_is_named_and_not_repeated(
    environment: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings) as refused:
        load_settings()
    assert named in str(refused.value)
    assert "canary" not in str(refused.value)


def test_ways_to_sign_in_at_supabase_are_a_list_with_commas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().supabase_providers == ("password",)
    (tmp_path / ".env").write_text("SUPABASE_PROVIDERS=google\n")
    assert load_settings().supabase_providers == ("google",)
    monkeypatch.setenv("SUPABASE_PROVIDERS", "magic_link, github,custom:ours")
    assert load_settings().supabase_providers == ("magic_link", "github", "custom:ours")


def test_a_misspelt_setting_is_pointed_out() -> None:
    environment = {"MULTIPLAYER_PROT": "1", "MULTIPLAYER_PORT": "1", "DATABASE_URL_FILE": "x", "PATH": ""}
    environment |= {"MULTIPLAYER_AI_FILE": "ais.toml"}
    assert list(unknown_names(environment)) == ["MULTIPLAYER_PROT is not a setting; did you mean MULTIPLAYER_PORT?"]
