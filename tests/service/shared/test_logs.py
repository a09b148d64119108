from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import structlog

from services.shared.logs import REDACTED, configure_logs

JWT = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
BCRYPT = "$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"


def fail_with_a_secret() -> None:
    raise RuntimeError("postgres://me:s3cr3t-value@db")


@pytest.fixture(autouse=True)
def configured() -> None:
    configure_logs(service="echo", version="1")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"refused {JWT}", JWT),
        ("postgres://auth_admin:s3cr3t-value@db/postgres", "s3cr3t-value"),
        ("sb_secret_abcdefghijklmnopqrstuv_12345678", "abcdefghijklmnopqrstuv"),
        (f"hash {BCRYPT}", BCRYPT),
        ("Authorization: Bearer opaque-value", "opaque-value"),
    ],
)
def test_a_secret_in_a_text_is_removed(
    capsys: pytest.CaptureFixture[str], text: str, secret: str
) -> None:
    structlog.get_logger().info("something", detail=text)

    assert secret not in capsys.readouterr().out


@pytest.mark.parametrize(
    "name", ["password", "refresh_token", "Authorization", "api_key", "apikey", "jwt_secret"]
)
def test_a_secret_by_its_name_is_removed(capsys: pytest.CaptureFixture[str], name: str) -> None:
    structlog.get_logger().info("something", **{name: "value-of-it"})

    assert json.loads(capsys.readouterr().out)[name] == REDACTED


def test_a_secret_inside_of_a_mapping_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("something", body={"user": {"password": "value-of-it"}})

    assert "value-of-it" not in capsys.readouterr().out


def test_a_secret_in_a_traceback_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        fail_with_a_secret()
    except RuntimeError:
        structlog.get_logger().exception("failed")

    assert "s3cr3t-value" not in capsys.readouterr().out


def test_libraries_write_json_lines_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(service="echo", version="1")  # again: the handler keeps the stream of its time
    logging.getLogger("uvicorn.error").warning("from %s", "a library")

    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["level"], line["service"]) == ("from a library", "warning", "echo")


def test_a_secret_in_a_librarys_traceback_is_removed(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(service="echo", version="1")  # again: the handler keeps the stream of its time
    try:
        fail_with_a_secret()
    except RuntimeError:
        logging.getLogger("uvicorn.error").exception("failed")

    assert f"postgres://me:{REDACTED}@db" in capsys.readouterr().out


def test_a_line_break_does_not_make_a_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    structlog.get_logger().info("one\ntwo")

    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_line_is_written_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[str] = []

    class Output(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    monkeypatch.setattr(sys, "stdout", Output())
    structlog.get_logger().info("a line")

    assert [json.loads(piece)["event"] for piece in pieces] == ["a line"]
