"""Signed URLs against Amazon's published example and against Amazon's own code."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from botocore.auth import S3SigV4QueryAuth  # type: ignore[import-untyped]  # has no types
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]  # has no types
from botocore.credentials import Credentials  # type: ignore[import-untyped]  # has no types
from hypothesis import given
from hypothesis import strategies as st

from multiplayer.blobs.port import Shown
from multiplayer.blobs.signing import AzureSigner, S3Signer

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


def at() -> datetime:
    return datetime(2013, 5, 24, tzinfo=UTC)


def signature(url: str) -> str:
    return parse_qs(urlsplit(url).query)["X-Amz-Signature"][0]


def test_the_example_of_amazons_documentation_is_signed_as_there() -> None:
    # docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    signer = S3Signer("https://examplebucket.s3.amazonaws.com", "us-east-1", KEY_ID, SECRET, at)
    url = signer.url("GET", "test.txt", {}, {}, 86_400)
    assert signature(url) == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    assert url.startswith("https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&")


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    st.from_regex(r"[a-z0-9_-][a-z0-9._/-]{0,40}", fullmatch=True),
    st.integers(1, 604_800),
)
def test_whatever_is_shown_is_signed_as_amazons_own_code_signs_it(disposition: str, path: str, for_s: int) -> None:
    bucket = "http://127.0.0.1:9000/bucket"
    url = S3Signer(bucket, "eu-west-1", KEY_ID, SECRET, at).get(path, Shown("text/plain", disposition), for_s)
    request = AWSRequest("GET", url.partition("&X-Amz-Signature=")[0])
    request.context["timestamp"] = "20130524T000000Z"
    auth = S3SigV4QueryAuth(Credentials(KEY_ID, SECRET), "s3", "eu-west-1", expires=for_s)
    assert signature(url) == auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    values = parse_qs(urlsplit(url).query, keep_blank_values=True)
    assert values["response-content-disposition"] == [disposition]


def test_a_signer_shows_its_secret_to_nobody() -> None:
    assert SECRET not in repr(S3Signer("https://b.example", "r", KEY_ID, SECRET))
    assert SECRET not in repr(AzureSigner("https://b.example/c", "a", "c", SECRET))
