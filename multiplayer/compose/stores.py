"""Where the bytes of files lie, by the settings; what speaks to a foreign store is imported only where one is named."""

from contextlib import AsyncExitStack

from multiplayer.blobs.layered import LayeredBlobs
from multiplayer.blobs.local import LocalBlobs
from multiplayer.blobs.port import Blobs, BlobsFault
from multiplayer.settings import BadSettings, Settings

_EXTRAS = {"oss": "oss", "s3": "s3", "azure": "azure"}


async def open_blobs(settings: Settings, stack: AsyncExitStack) -> Blobs:
    """Return the store. Asks nobody anything yet. Raises `BadSettings`."""
    here = settings.folder / "blobs"
    try:
        blobs = _blobs(settings)
        if settings.blobs != "local" and here.is_dir():
            # From before the setting was changed: what lies there is still attached to messages.
            blobs = LayeredBlobs(blobs, LocalBlobs(here))
    except ImportError as missing:
        raise BadSettings(
            f"BLOBS={settings.blobs} needs a package that is not installed ({missing.name}): "
            f"install multiplayer[{_EXTRAS[settings.blobs]}]"
        ) from None
    except (ValueError, BlobsFault) as wrong:
        raise BadSettings(f"BLOBS={settings.blobs}: {wrong}") from None
    stack.push_async_callback(blobs.aclose)
    return blobs


def _blobs(settings: Settings) -> Blobs:
    match settings.blobs:
        case "local":
            return LocalBlobs(settings.folder / "blobs")
        case "oss":
            return _oss(settings)
        case "s3":
            return _s3(settings)
        case "azure":
            return _azure(settings)


def _oss(settings: Settings) -> Blobs:
    from multiplayer.blobs.oss import OssSettings, oss_blobs

    assert settings.oss_endpoint, "checked with the settings"
    assert settings.oss_bucket, "checked with the settings"
    assert settings.oss_access_key_id, "checked with the settings"
    assert settings.oss_access_key_secret, "checked with the settings"
    _check_http(settings, settings.oss_endpoint, settings.oss_internal_endpoint, settings.oss_cdn_domain)
    return oss_blobs(
        OssSettings(
            endpoint=settings.oss_endpoint,
            bucket=settings.oss_bucket,
            access_key_id=settings.oss_access_key_id.get_secret_value(),
            access_key_secret=settings.oss_access_key_secret.get_secret_value(),
            region=settings.oss_region,
            signature=settings.oss_signature,
            internal_endpoint=settings.oss_internal_endpoint,
            cdn_domain=settings.oss_cdn_domain,
            server_side_encryption=settings.oss_encryption,
            kms_key_id=settings.oss_kms_key_id,
            prefix=settings.oss_prefix,
            # A bucket's name cannot stand before an address.
            is_path_style=_is_own_machine(settings.oss_endpoint),
        )
    )


def _s3(settings: Settings) -> Blobs:
    from multiplayer.blobs.objects import s3_blobs

    assert settings.s3_bucket, "checked with the settings"
    assert settings.s3_access_key_id, "checked with the settings"
    assert settings.s3_secret_access_key, "checked with the settings"
    _check_http(settings, settings.s3_endpoint, settings.s3_public_endpoint)
    return s3_blobs(
        bucket=settings.s3_bucket,
        region=settings.s3_region,
        key_id=settings.s3_access_key_id.get_secret_value(),
        secret=settings.s3_secret_access_key.get_secret_value(),
        endpoint=settings.s3_endpoint,
        public_endpoint=settings.s3_public_endpoint,
        prefix=settings.s3_prefix,
        path_style=settings.s3_path_style,
        allow_http=True,  # looked at above
    )


def _azure(settings: Settings) -> Blobs:
    from multiplayer.blobs.objects import azure_blobs

    assert settings.azure_account, "checked with the settings"
    assert settings.azure_container, "checked with the settings"
    assert settings.azure_access_key, "checked with the settings"
    _check_http(settings, settings.azure_endpoint)
    return azure_blobs(
        account=settings.azure_account,
        container=settings.azure_container,
        secret=settings.azure_access_key.get_secret_value(),
        endpoint=settings.azure_endpoint,
        prefix=settings.azure_prefix,
        allow_http=True,  # looked at above
    )


_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


def _check_http(settings: Settings, *endpoints: str | None) -> None:
    for endpoint in endpoints:
        if endpoint is None or not endpoint.startswith("http://") or settings.blobs_allow_http:
            continue
        if not _is_own_machine(endpoint):
            raise BadSettings(
                f"{endpoint} would be reached over plain http: use https, or set MULTIPLAYER_BLOBS_ALLOW_HTTP=true"
            )


def _is_own_machine(endpoint: str) -> bool:
    host = endpoint.removeprefix("http://").partition("/")[0]
    return any(host == known or host.startswith(f"{known}:") for known in _LOOPBACK)
