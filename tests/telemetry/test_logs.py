"""Logs: structured, and without secrets."""

import pytest

from multiplayer.telemetry.logs import redact


@pytest.mark.parametrize(
    "secret",
    [
        "mp_dvQOVohTf0_EnS_46vjmifUUj_kcpIBmPxbTNzBR444",
        "ml_dvQOVohTf0_EnS_46vjmifUUj_kcpIBmPxbTNzBR444",
        "sk-1234567890abcdefghij",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    ],
)
def test_a_secret_is_taken_out_by_its_shape_wherever_it_stands(secret: str) -> None:
    entry = redact(None, "info", {"event": f"could not use {secret} there", "path": f"/x#{secret}"})
    assert secret not in str(entry)
    assert "could not use" in str(entry["event"])


def test_a_secret_is_taken_out_by_its_name_whatever_its_shape() -> None:
    entry = redact(None, "info", {"event": "e", "password": "hunter2", "authorization": "Bearer x", "room": "demo"})
    assert entry == {"event": "e", "password": "[redacted]", "authorization": "[redacted]", "room": "demo"}


def test_the_password_in_a_database_address_is_taken_out_and_its_host_stays() -> None:
    entry = redact(None, "info", {"event": "postgres://app:hunter2@db.example/main is away"})
    assert entry["event"] == "postgres://[redacted]@db.example/main is away"
