"""The OSS stand-in's verifier against worked examples of others: from Alibaba Cloud's documentation and its own SDKs' tests."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.oss_objects import Bucket, byte_range, crc64
from tests.support.oss_signatures import (
    SKEW,
    Asked,
    Key,
    Refusal,
    v4_canonical_request,
    v4_signature,
    v4_string_to_sign,
    verify,
)
from tests.support.oss_site import BUCKET, OssSite, oss_site

# "Include signatures in the Authorization header" and "Add signatures to URLs", the editions with an unmasked key.
DOCUMENTED: Final = {"44CF9590006BF252F707": Key("OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV"), "ak": Key("sk")}
V1_HEADER: Final = Asked(
    "PUT",
    "/oss-example/nelson",
    [],
    {
        "content-md5": "ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=",
        "content-type": "text/html",
        "date": "Thu, 17 Nov 2005 18:49:58 GMT",
        "host": "oss-example.oss-cn-hangzhou.aliyuncs.com",
        "x-oss-meta-author": "foo@bar.com",
        "x-oss-magic": "abracadabra",
        "authorization": "OSS 44CF9590006BF252F707:26NBxoKdsyly4EDv6inkoDft/yA=",
    },
)
V1_URL: Final = Asked(
    "GET",
    "/oss-example/oss-api.pdf",
    [
        ("OSSAccessKeyId", "44CF9590006BF252F707"),
        ("Expires", "1141889120"),
        ("Signature", "EwaNTn1erJGkimiJ9WmXgwnANLc="),
    ],
    {"host": "oss-example.oss-cn-hangzhou.aliyuncs.com"},
)
# TestV4AuthHeader and TestV4AuthQuery of Alibaba Cloud's Go SDK V2, repeated in its PHP, Swift, Objective-C and Kotlin SDKs.
_ODD_PARAMS: Final = [
    ("param1", "value1"),
    ("+param1", "value3"),
    ("|param1", "value4"),
    ("+param2", ""),
    ("|param2", ""),
    ("param2", ""),
]
_ODD_HEADERS: Final = {"x-oss-head1": "value", "abc": "value", "zabc": "value", "xyz": "value"}
V4_HEADER: Final = Asked(
    "PUT",
    "/bucket/1234+-/123/1.txt",
    _ODD_PARAMS,
    {
        **_ODD_HEADERS,
        "content-type": "text/plain",
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "x-oss-date": "20231216T162057Z",
        "authorization": "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,"
        "Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe",
    },
)
V4_URL: Final = Asked(
    "PUT",
    "/bucket/1234+-/123/1.txt",
    [
        *_ODD_PARAMS,
        ("x-oss-signature-version", "OSS4-HMAC-SHA256"),
        ("x-oss-date", "20231217T025437Z"),
        ("x-oss-expires", "599"),
        ("x-oss-credential", "ak/20231217/cn-hangzhou/oss/aliyun_v4_request"),
        ("x-oss-signature", "a39966c61718be0d5b14e668088b3fa07601033f6518ac7b523100014269c0fe"),
    ],
    {**_ODD_HEADERS, "content-type": "application/octet-stream"},
)


@dataclass(frozen=True)
class Example:
    """A request that is right at `at`, from `before` to `after` it."""

    name: str
    asked: Asked
    at: datetime
    before: timedelta
    after: timedelta

    def refused(self, asked: Asked, at: datetime | None = None, keys: Mapping[str, Key] = DOCUMENTED) -> str:
        """Return the code with which another request is refused."""
        with pytest.raises(Refusal) as refusal:
            verify(asked, keys, "cn-hangzhou", at or self.at)
        assert refusal.value.status in {400, 403}
        return refusal.value.code


EVER: Final = timedelta(days=3650)
EXAMPLES: Final = [
    Example("V1 header", V1_HEADER, datetime(2005, 11, 17, 18, 49, 58, tzinfo=UTC), SKEW, SKEW),
    Example("V1 URL", V1_URL, datetime.fromtimestamp(1_141_889_120, UTC), EVER, timedelta()),
    Example("V4 header", V4_HEADER, datetime(2023, 12, 16, 16, 20, 57, tzinfo=UTC), SKEW, SKEW),
    Example("V4 URL", V4_URL, datetime(2023, 12, 17, 2, 54, 37, tzinfo=UTC), SKEW, timedelta(seconds=599)),
]
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)


@each_example
def test_the_published_request_is_taken(example: Example) -> None:
    verify(example.asked, DOCUMENTED, "cn-hangzhou", example.at)


@each_example
def test_a_request_is_good_in_its_time_only(example: Example) -> None:
    second = timedelta(seconds=1)
    for at in (example.at - example.before, example.at + example.after):
        verify(example.asked, DOCUMENTED, "cn-hangzhou", at)
    assert example.refused(example.asked, example.at + example.after + second) in {
        "AccessDenied",
        "RequestTimeTooSkewed",
    }
    if example.before is not EVER:
        code = example.refused(example.asked, example.at - example.before - second)
        assert code in {"AccessDenied", "RequestTimeTooSkewed"}


@each_example
def test_another_method_or_path_is_refused(example: Example) -> None:
    asked = example.asked
    assert example.refused(replace(asked, method="DELETE")) == "SignatureDoesNotMatch"
    assert example.refused(replace(asked, resource=f"{asked.resource}x")) == "SignatureDoesNotMatch"
    assert example.refused(replace(asked, resource=f"/other{asked.resource}")) == "SignatureDoesNotMatch"


@each_example
def test_another_key_is_refused(example: Example) -> None:
    strangers = {name: Key("another") for name in DOCUMENTED}
    temporary = {name: Key(key.secret, "token") for name, key in DOCUMENTED.items()}
    assert example.refused(example.asked, keys=strangers) == "SignatureDoesNotMatch"
    assert example.refused(example.asked, keys={}) == "InvalidAccessKeyId"
    assert example.refused(example.asked, keys=temporary) == "InvalidSecurityToken"


@each_example
def test_signed_headers_and_parameters_are_bound(example: Example) -> None:
    asked = example.asked
    for name in asked.headers:
        if name.startswith("x-oss-") or name in {"content-type", "content-md5"}:
            example.refused(replace(asked, headers={**asked.headers, name: f"{asked.headers[name]}2"}))
            example.refused(replace(asked, headers={one: v for one, v in asked.headers.items() if one != name}))
    assert example.refused(replace(asked, headers={**asked.headers, "x-oss-acl": "public"})) == "SignatureDoesNotMatch"
    for at, (name, value) in enumerate(asked.params):
        # An empty one is a name alone; nothing can be taken away from its value.
        changed = [*asked.params[:at], (name, f"{value}2"), *asked.params[at + 1 :]]
        example.refused(replace(asked, params=changed))
        example.refused(replace(asked, params=[*asked.params[:at], *asked.params[at + 1 :]]))
    shown = [*asked.params, ("response-content-type", "text/html")]
    assert example.refused(replace(asked, params=shown)) == "SignatureDoesNotMatch"


@each_example
def test_signed_twice_or_not_at_all_is_refused(example: Example) -> None:
    asked = example.asked
    headers = {name: value for name, value in asked.headers.items() if name != "authorization"}
    assert example.refused(replace(asked, headers=headers, params=[])) == "AccessDenied"
    both = {**asked.headers, "authorization": "OSS ak:x"}
    signed_url = [*asked.params, ("Signature", "x")] if not asked.params else asked.params
    if example.name.endswith("URL"):
        assert example.refused(replace(asked, headers=both)) == "InvalidArgument"
    else:
        assert example.refused(replace(asked, params=[*signed_url, ("x-oss-signature", "x")])) == "InvalidArgument"
    for authorization in ("OSS ak", "OSS4-HMAC-SHA256 Credential=ak", "Basic YTpi"):
        malformed = replace(asked, headers={**headers, "authorization": authorization}, params=[])
        assert example.refused(malformed) == "InvalidArgument"


def test_a_v4_signature_of_another_region_is_refused() -> None:
    for asked in (V4_HEADER, V4_URL):
        with pytest.raises(Refusal) as refusal:
            verify(asked, DOCUMENTED, "cn-beijing", datetime(2023, 12, 17, 2, 54, 37, tzinfo=UTC))
        assert refusal.value.code in {"InvalidArgument", "RequestTimeTooSkewed"}


def test_each_step_is_as_in_the_documented_v4_example() -> None:
    """From "Include a V4 signature in the Authorization header". Its signing key does not follow from the secret shown there."""
    asked = Asked(
        "PUT",
        "/examplebucket/exampleobject",
        [],
        {
            "content-disposition": "attachment",
            "content-length": "3",
            "content-md5": "ICy5YqxZB1uWSwcVLSNLcA==",
            "content-type": "text/plain",
            "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
            "x-oss-date": "20250411T064124Z",
        },
    )
    request = v4_canonical_request(asked, ["content-disposition", "content-length"])
    to_sign = v4_string_to_sign(request, "20250411T064124Z", "cn-hangzhou")
    assert to_sign == (
        "OSS4-HMAC-SHA256\n20250411T064124Z\n20250411/cn-hangzhou/oss/aliyun_v4_request\n"
        "c46d96390bdbc2d739ac9363293ae9d710b14e48081fcb22cd8ad54b63136eca"
    )
    signing_key = bytes.fromhex("3543b7686e65eda71e5e5ca19d548d78423c37e8ddba4dc9d83f90228b457c76")
    assert v4_signature(signing_key, to_sign) == "053edbf550ebd239b32a9cdfd93b0b2b3f2d223083aa61f75e9ac16856d61f23"


def test_the_checksum_is_crc_64_xz() -> None:
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("bytes=0-3", (0, 4)),
        ("bytes=4-", (4, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=5-20", (5, 10)),
        ("bytes=3-2", None),
        ("lines=0-3", None),
        ("bytes=a-b", None),
    ],
)
def test_ranges_are_read_as_documented(given: str, expected: tuple[int, int] | None) -> None:
    assert byte_range(given, 10, is_standard=True) == expected


def test_a_range_beyond_the_end_is_the_whole_object_unless_the_standard_is_asked_for() -> None:
    assert byte_range("bytes=5-20", 10, is_standard=False) is None
    assert byte_range("bytes=20-30", 10, is_standard=False) is None
    with pytest.raises(Refusal) as refusal:
        byte_range("bytes=20-30", 10, is_standard=True)
    assert refusal.value.status == 416


def test_parts_are_checked_when_they_are_put_together() -> None:
    bucket, at = Bucket(), datetime(2026, 1, 1, tzinfo=UTC)
    upload = bucket.begin("key", {}, at)
    first = bucket.put_part("key", upload, 1, b"a" * 102_399, {})
    second = bucket.put_part("key", upload, 2, b"b", {})
    for listed, code in (
        ([], "InvalidPartOrder"),
        ([(2, second), (1, first)], "InvalidPartOrder"),
        ([(1, second)], "InvalidPart"),
        ([(1, first), (3, second)], "InvalidPart"),
        ([(1, first), (2, second)], "EntityTooSmall"),
    ):
        with pytest.raises(Refusal) as refusal:
            bucket.complete("key", upload, listed, at)
        assert refusal.value.code == code
    bucket.put_part("key", upload, 1, b"a" * 102_400, {})
    with pytest.raises(Refusal, match="NoSuchUpload"):
        bucket.complete("other", upload, [(2, second)], at)
    bucket.complete("key", upload, [(2, f'"{second}"')], at)
    assert bucket.objects["key"].data == b"b"
    assert not bucket.uploads


@pytest.fixture(scope="module")
async def site() -> AsyncIterator[OssSite]:
    async with oss_site() as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/key"),
        ("HEAD", "/key"),
        ("PUT", "/key"),
        ("DELETE", "/key"),
        ("POST", "/key?uploads"),
        ("POST", "/?delete"),
        ("GET", "/?list-type=2"),
        ("GET", "/?uploads"),
    ],
)
async def test_nobody_gets_in_unsigned(site: OssSite, method: str, path: str) -> None:
    site.bucket.put("key", b"alice's", {}, site.now())
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.request(method, f"{site.url}/{BUCKET}{path}", content=b"bob's")
    assert answer.status_code == 403
    assert method == "HEAD" or "<Code>AccessDenied</Code>" in answer.text
    assert site.bucket.get("key").data == b"alice's"
    assert urlsplit(str(answer.url)).path.startswith(f"/{BUCKET}")
