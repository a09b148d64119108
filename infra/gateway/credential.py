"""What credentials are exchanged for, and what a token must say: the same in every rendering."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from infra.gateway import lua

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

CLOCK_SKEW_SECONDS = 10
"""By which the clocks of two machines may differ where a token's times are checked."""

QUERY_SCRIPT = Path(__file__).with_name("query.lua").read_text(encoding="utf-8")
"""Lua function that takes a key out of a query."""

_SCRIPT = Path(__file__).with_suffix(".lua").read_text(encoding="utf-8")


def script(settings: GatewaySettings) -> str:
    """Lua functions that know the keys; see `credential.lua`. The text is a secret."""
    by_key = {
        key.value.get_secret_value(): f"Bearer {key.token.get_secret_value()}"
        for key in settings.api_keys
    }
    tables = {
        "TOKEN_BY_KEY": by_key,
        "TOKEN_BY_AUTHORIZATION": {f"Bearer {value}": token for value, token in by_key.items()},
    }
    return f"{lua.definitions(tables)}\n\n{_SCRIPT}"
