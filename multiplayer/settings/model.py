"""Every setting of the server: its name, default and meaning, and where its value comes from."""

import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import platformdirs
from dotenv import dotenv_values
from pydantic import AliasChoices, AnyHttpUrl, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

PREFIX = "MULTIPLAYER_"
DOTENV = ".env"
_PROVIDER: Final = re.compile(r"[a-z][a-z0-9_:-]{0,39}")


_NEEDED: Final = {
    "oss": ("oss_endpoint", "oss_bucket", "oss_access_key_id", "oss_access_key_secret"),
    "s3": ("s3_bucket", "s3_access_key_id", "s3_secret_access_key"),
    "azure": ("azure_account", "azure_container", "azure_access_key"),
}
"""What each store of files cannot do without."""


class BadSettings(Exception):  # noqa: N818 - a sentence for whoever starts the server
    """A setting has a value that it cannot have; the message names it and does not repeat the value."""


class _SecretFiles(PydanticBaseSettingsSource):
    """`NAME_FILE=/run/secrets/x`: the value of NAME is what the file holds."""

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        super().__init__(settings_cls)
        self._dotenv = dotenv_values(DOTENV)

    @override
    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str | None, str, bool]:
        for name in environment_names(field_name, field):
            path = os.environ.get(f"{name}_FILE") or self._dotenv.get(f"{name}_FILE")
            if path:
                try:
                    return Path(path).read_text(encoding="utf-8").strip(), field_name, False
                except (OSError, UnicodeDecodeError) as error:
                    raise BadSettings(f"{name}_FILE names a file that cannot be read: {type(error).__name__}") from None
        return None, field_name, False

    @override
    def __call__(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for field_name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, field_name)
            if value is not None:
                found[_alias(key, field)] = value
        return found


class Settings(BaseSettings):
    """What the operator may set, by environment, `.env` in the working directory, or `*_FILE` for secrets."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=DOTENV,
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    host: str = "127.0.0.1"
    """The address to listen on. Only this machine until you say otherwise."""
    port: Annotated[int, Field(ge=0, le=65535)] = 3002
    """The port to listen on; 0 takes a free one."""
    data_dir: Path | None = None
    """Where everything is kept. Default: the platform's folder for user data; as root /var/lib/multiplayer."""
    ephemeral: bool = False
    """Keep everything in a temporary folder that is removed at the end. Nothing survives; good for trying things."""
    welcome: Literal["auto", "on", "off"] = "auto"
    """Begin a new database with a room `welcome` that shows what can be done. auto: only a built-in one; off: none."""
    public_url: AnyHttpUrl | None = None
    """How people reach this server, if not by its own address: it stands in links and is an allowed Origin."""
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses of proxies whose X-Forwarded-For is believed, with commas."""
    log_level: str = "info"
    """debug, info, warning or error."""
    database_url: Annotated[SecretStr | None, Field(validation_alias=AliasChoices("DATABASE_URL", "database_url"))] = (
        None
    )
    """A PostgreSQL (14 or newer, with pg_trgm) to use instead of the built-in one; `?pool_max=20` sizes the pool."""
    deepseek_api_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("DEEPSEEK_API_KEY", "deepseek_api_key"))
    ] = None
    """With this the AI member is DeepSeek."""
    deepseek_model: str = "deepseek-flash"
    """Which of DeepSeek's models."""
    openai_base_url: Annotated[
        str | None, Field(validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url"))
    ] = None
    """Any OpenAI-compatible provider, up to and with /v1. Used when there is no DeepSeek key."""
    openai_api_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"))
    ] = None
    """The key for OPENAI_BASE_URL."""
    openai_model: Annotated[str, Field(validation_alias=AliasChoices("OPENAI_MODEL", "openai_model"))] = "gpt-4o-mini"
    """The model to ask there."""
    openai_context_tokens: Annotated[int, Field(ge=2_000, le=10_000_000)] = 32_000
    """How many tokens that model can hold, prompt and answer together."""
    openai_allow_http: bool = False
    """Let the key go to OPENAI_BASE_URL over plain http, beyond this machine."""
    supabase_url: Annotated[str | None, Field(validation_alias=AliasChoices("SUPABASE_URL", "supabase_url"))] = None
    """With this, people may sign in with tokens of this Supabase project."""
    supabase_jwt_secret: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("SUPABASE_JWT_SECRET", "supabase_jwt_secret"))
    ] = None
    """The project's shared secret, only if it still signs with HS256."""
    supabase_anon_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("SUPABASE_ANON_KEY", "supabase_anon_key"))
    ] = None
    """The project's public key (anon or publishable). With it the sign-in page offers Supabase, and shows the key to all."""
    supabase_providers: Annotated[
        tuple[str, ...], NoDecode, Field(validation_alias=AliasChoices("SUPABASE_PROVIDERS", "supabase_providers"))
    ] = ("password",)
    """What the page offers there, with commas: password, magic_link, and OAuth providers by name, as github,google."""
    supabase_allow_anonymous: bool = False
    """Let Supabase's anonymous users in."""
    terminal: bool = True
    """Offer the AI a sandboxed terminal where the machine can enforce one. False: never."""
    room_uid_base: Annotated[int, Field(ge=1_000, le=2_000_000_000)] = 200_000
    """As root, room n's commands run under this uid + n."""
    sessions_per_account: Annotated[int, Field(ge=1)] = 20
    """Live connections one account may have."""
    sessions_per_address: Annotated[int, Field(ge=1)] = 200
    """Live connections one address may have."""
    commands_per_s: Annotated[float, Field(gt=0)] = 20
    """Commands a second on one connection; twice as many may come at once."""
    messages_per_min: Annotated[float, Field(gt=0)] = 60
    """Messages a minute from one account in one room."""
    room_members: Annotated[int, Field(ge=2)] = 500
    """Members a room may have."""
    ai_file: Path | None = None
    """A TOML file of AI profiles, `[[ai]]` tables, read at each start. Keys are not in it: `multiplayer ai key`."""
    mcp_file: Path | None = None
    """A TOML file of outside tool servers (MCP) that rooms may agree to use, `[servers.NAME]` tables; see docs/tools.md."""
    fetch_urls: bool = True
    """Let rooms switch on that their AI reads public web pages. False: in no room."""
    workspace_idle_days: Annotated[float, Field(gt=0)] = 14
    """A workspace that nobody used for so long is packed into one file, and unpacked when it is used again."""
    blobs: Annotated[Literal["local", "oss", "s3", "azure"], Field(validation_alias=AliasChoices("BLOBS", "blobs"))] = (
        "local"
    )
    """Where the bytes of new files go: local (the data folder), oss, s3 or azure. What lies in the data folder stays there."""
    oss_endpoint: Annotated[str | None, Field(validation_alias=AliasChoices("OSS_ENDPOINT", "oss_endpoint"))] = None
    """Alibaba Cloud OSS: the public endpoint, as oss-cn-hangzhou.aliyuncs.com."""
    oss_bucket: Annotated[str | None, Field(validation_alias=AliasChoices("OSS_BUCKET", "oss_bucket"))] = None
    """The bucket; it must be there."""
    oss_access_key_id: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("OSS_ACCESS_KEY_ID", "oss_access_key_id"))
    ] = None
    """The id of a key that may read, write, list and delete in it."""
    oss_access_key_secret: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("OSS_ACCESS_KEY_SECRET", "oss_access_key_secret"))
    ] = None
    """That key."""
    oss_region: Annotated[str, Field(validation_alias=AliasChoices("OSS_REGION", "oss_region"))] = ""
    """As cn-hangzhou; only where the endpoint does not say it."""
    oss_internal_endpoint: Annotated[
        str | None, Field(validation_alias=AliasChoices("OSS_INTERNAL_ENDPOINT", "oss_internal_endpoint"))
    ] = None
    """For this server's own transfers, if it stands in the same region."""
    oss_cdn_domain: Annotated[str | None, Field(validation_alias=AliasChoices("OSS_CDN_DOMAIN", "oss_cdn_domain"))] = (
        None
    )
    """A domain of yours that is bound to the bucket: links for downloads name it."""
    oss_signature: Annotated[
        Literal["v4", "v1"], Field(validation_alias=AliasChoices("OSS_SIGNATURE", "oss_signature"))
    ] = "v4"
    """How requests are signed."""
    oss_encryption: Annotated[
        Literal["", "AES256", "KMS"], Field(validation_alias=AliasChoices("OSS_ENCRYPTION", "oss_encryption"))
    ] = ""
    """Server-side encryption that every object is written with."""
    oss_kms_key_id: Annotated[str, Field(validation_alias=AliasChoices("OSS_KMS_KEY_ID", "oss_kms_key_id"))] = ""
    """Which key of KMS."""
    oss_prefix: Annotated[str, Field(validation_alias=AliasChoices("OSS_PREFIX", "oss_prefix"))] = ""
    """Goes before the name of every object."""
    s3_bucket: Annotated[str | None, Field(validation_alias=AliasChoices("S3_BUCKET", "s3_bucket"))] = None
    """S3 or what speaks like it: the bucket; it must be there."""
    s3_region: Annotated[str, Field(validation_alias=AliasChoices("S3_REGION", "s3_region"))] = "us-east-1"
    """Its region."""
    s3_endpoint: Annotated[str | None, Field(validation_alias=AliasChoices("S3_ENDPOINT", "s3_endpoint"))] = None
    """Where it is, if not at Amazon: a URL without the bucket."""
    s3_public_endpoint: Annotated[
        str | None, Field(validation_alias=AliasChoices("S3_PUBLIC_ENDPOINT", "s3_public_endpoint"))
    ] = None
    """Where others reach it, if that is elsewhere."""
    s3_access_key_id: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("S3_ACCESS_KEY_ID", "s3_access_key_id"))
    ] = None
    """The id of a key that may read, write, list and delete in it."""
    s3_secret_access_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("S3_SECRET_ACCESS_KEY", "s3_secret_access_key"))
    ] = None
    """That key."""
    s3_path_style: Annotated[bool, Field(validation_alias=AliasChoices("S3_PATH_STYLE", "s3_path_style"))] = False
    """The bucket stands in the path of its URLs (MinIO and others)."""
    s3_prefix: Annotated[str, Field(validation_alias=AliasChoices("S3_PREFIX", "s3_prefix"))] = ""
    """Goes before the name of every object."""
    azure_account: Annotated[str | None, Field(validation_alias=AliasChoices("AZURE_ACCOUNT", "azure_account"))] = None
    """Azure Blob Storage: the account."""
    azure_container: Annotated[
        str | None, Field(validation_alias=AliasChoices("AZURE_CONTAINER", "azure_container"))
    ] = None
    """The container; it must be there."""
    azure_access_key: Annotated[
        SecretStr | None, Field(validation_alias=AliasChoices("AZURE_ACCESS_KEY", "azure_access_key"))
    ] = None
    """The account's key, in base64."""
    azure_endpoint: Annotated[str | None, Field(validation_alias=AliasChoices("AZURE_ENDPOINT", "azure_endpoint"))] = (
        None
    )
    """Where it is, if not at Azure: a URL without the container."""
    azure_prefix: Annotated[str, Field(validation_alias=AliasChoices("AZURE_PREFIX", "azure_prefix"))] = ""
    """Goes before the name of every object."""
    blobs_allow_http: bool = False
    """Let files and the store's key travel over plain http, beyond this machine."""
    file_bytes: Annotated[int, Field(ge=1, le=40 * 1024**4)] = 2 * 1024**3
    """How large one attached file may be."""
    room_file_bytes: Annotated[int, Field(ge=1)] = 20 * 1024**3
    """How much the files of one room may hold together."""
    account_file_bytes: Annotated[int, Field(ge=1)] = 10 * 1024**3
    """How much the files that one account has uploaded may hold together, in all rooms."""
    retention_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """The longest, in days, that rooms keep messages: a room's own rule may be shorter, and keeps pinned ones. Not set: for good."""
    files_by_link: bool = True
    """Send who downloads a file to the store by a signed link of five minutes, where it can sign. False: always by here."""
    workspace_mirror: Literal["auto", "on", "off"] = "auto"
    """Keep a copy of each room's workspace in the file store, so that another server can go on with it. auto: unless BLOBS=local."""
    transcriber: Literal["off", "local", "http"] = "off"
    """What makes voice notes text: local (Whisper on this machine; needs the extra `voice`), http (a service), or nothing."""
    transcriber_url: str | None = None
    """An OpenAI-compatible service, up to and with /v1."""
    transcriber_model: str = "whisper-1"
    """The model to ask there."""
    transcriber_key: SecretStr | None = None
    """The key for it."""
    transcriber_allow_http: bool = False
    """Let recordings and the key travel to it over plain http, beyond this machine."""
    transcriber_weights: Path | None = None
    """A folder with a Whisper model for CTranslate2. Not set: the packaged tiny.en, which hears English only."""
    turn_first_token_s: Annotated[float, Field(gt=0)] = 30
    """How long a model may take to its first word."""
    turn_progress_s: Annotated[float, Field(gt=0)] = 20
    """How long a model may be silent in the middle."""
    turn_s: Annotated[float, Field(gt=0)] = 300
    """How long a whole turn of an AI may take."""
    turn_tool_steps: Annotated[int, Field(ge=1)] = 16
    """How often an AI may use tools in one turn."""

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("trusted_proxies", "SUPABASE_PROVIDERS", "supabase_providers"):
            listed = values.get(name)
            if isinstance(listed, str) and listed:
                values[name] = tuple(part.strip() for part in listed.split(",") if part.strip())
        # An empty value in a file of settings means "not set".
        return {name: value for name, value in values.items() if value != ""}

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if (self.openai_base_url is None) != (self.openai_api_key is None):
            raise ValueError("OPENAI_BASE_URL and OPENAI_API_KEY are given together or not at all")
        if self.supabase_jwt_secret is not None and self.supabase_url is None:
            raise ValueError("SUPABASE_JWT_SECRET needs SUPABASE_URL")
        if self.supabase_anon_key is not None and self.supabase_url is None:
            raise ValueError("SUPABASE_ANON_KEY needs SUPABASE_URL")
        if not self.supabase_providers or not all(map(_PROVIDER.fullmatch, self.supabase_providers)):
            raise ValueError("SUPABASE_PROVIDERS are names as password, magic_link, github, with commas")
        if self.transcriber == "http" and (self.transcriber_url is None or self.transcriber_key is None):
            raise ValueError("MULTIPLAYER_TRANSCRIBER=http needs MULTIPLAYER_TRANSCRIBER_URL and _KEY")
        for kind, needed in _NEEDED.items():
            missing = [name.upper() for name in needed if getattr(self, name) is None]
            if self.blobs == kind and missing:
                raise ValueError(f"BLOBS={kind} needs {', '.join(missing)}")
        if self.log_level.lower() not in {"debug", "info", "warning", "error"}:
            raise ValueError("MULTIPLAYER_LOG_LEVEL is debug, info, warning or error")
        return self

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _SecretFiles(settings_cls), dotenv_settings

    @property
    def folder(self) -> Path:
        """The data folder, absolute, whether it is there or not."""
        return (self.data_dir or default_data_dir()).expanduser().absolute()

    @property
    def begins_with_a_room(self) -> bool:
        return self.welcome == "on" or (self.welcome == "auto" and self.database_url is None)

    @property
    def mirrors_workspaces(self) -> bool:
        return self.workspace_mirror == "on" or (self.workspace_mirror == "auto" and self.blobs != "local")


def default_data_dir() -> Path:
    if os.geteuid() == 0:
        return Path("/var/lib/multiplayer")
    return Path(platformdirs.user_data_dir("multiplayer", appauthor=False))


def load_settings(data_dir: Path | None = None, **overrides: object) -> Settings:
    """Read all sources; arguments win. None among `overrides` means "not given". Raises `BadSettings`."""
    given = {name: value for name, value in overrides.items() if value is not None}
    if data_dir is not None:
        given["data_dir"] = data_dir
    try:
        return Settings.model_validate(given) if not given else Settings(**given)  # type: ignore[arg-type]  # checked by pydantic
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        said = first["msg"].removeprefix("Value error, ")
        raise BadSettings(f"{_shown_name(name)}: {said}" if name else said) from None


def environment_names(field_name: str, field: FieldInfo) -> list[str]:
    """Return the variables a setting is read from, its own name first."""
    if isinstance(field.validation_alias, AliasChoices):
        return [choice for choice in field.validation_alias.choices if isinstance(choice, str) and choice.isupper()]
    return [f"{PREFIX}{field_name.upper()}"]


def _alias(field_name: str, field: FieldInfo) -> str:
    return environment_names(field_name, field)[0] if field.validation_alias else field_name


def _shown_name(name: str) -> str:
    field = Settings.model_fields.get(name)
    return environment_names(name, field)[0] if field else name
