from typing import Any

import pytest

from preview_report.disclosure import SECRET, UNKNOWN, hidden_in_text, shown

PLANTED = "hunter2-Q9xT7vL2mK4wZ8"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGPASSWORD", PLANTED),
        ("password", "letmein"),
        ("apiKey", 12345),
        ("plinth:smtp.password", PLANTED),
        ("connection", f"postgres://admin:{PLANTED}@postgres/postgres"),
        ("command", ["redis-server", "--requirepass", PLANTED]),
        ("anything", {"deep": {"admin_password": PLANTED}}),
        ("anything", {"secure": "AAABAJ+ciphertext"}),
        ("anything", [{"secure": "AAABAJ+ciphertext"}]),
        ("file", f"requirepass {PLANTED}"),
        ("jwt", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJlLW9mLXRoaXM"),
        ("anything", SECRET),
    ],
)
def test_a_secret_is_hidden(name: str, value: Any) -> None:
    assert shown(name, value) == SECRET


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("memory", 256, "256"),
        ("readOnly", True, "true"),
        ("image", "plinth/redis:8.0-0123456789ab", "plinth/redis:8.0-0123456789ab"),
        ("plinth:passwords.generation", 2, "2"),
        ("PASSWORD_MIN_LENGTH", "12", "12"),
        ("restart", None, "none"),
        ("schemas", ["public", "reporting"], "public, reporting"),
        ("ports", [{"internal": 8000, "ip": "127.0.0.1"}], "internal: 8000, ip: 127.0.0.1"),
        ("text", "two\nlines", "two lines"),
    ],
)
def test_another_value_is_shown(name: str, value: Any, text: str) -> None:
    assert shown(name, value) == text


def test_a_long_value_is_cut() -> None:
    assert len(shown("text", "long words " * 50)) == 80


def test_an_unknown_value_says_so() -> None:
    assert shown("name", "04da6b54-80e4-46f7-96ec-b56ff0331ba9") == UNKNOWN


def test_a_secret_in_a_message_hides_its_line() -> None:
    assert hidden_in_text(f"it failed\npassword: {PLANTED}") == f"it failed\n{SECRET}"
