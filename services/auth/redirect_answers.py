"""Answers that lead a browser to the application, with tokens, a code or an error."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Mapping


def with_query(address: str, values: Mapping[str, str]) -> str:
    """The address with values in its query; they replace those of the same name."""
    parts = urlsplit(address)
    query = [
        pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in values
    ]
    return urlunsplit(parts._replace(query=urlencode([*query, *values.items()])))


def with_fragment(address: str, values: Mapping[str, str]) -> str:
    """The address with values in its fragment, sorted. `sb` tells clients whose fragment it is."""
    fragment = urlencode(sorted({**values, "sb": ""}.items()))
    return urlunsplit(urlsplit(address)._replace(fragment=fragment))


def with_tokens(address: str, answer: Mapping[str, object], further: Mapping[str, str]) -> str:
    """The address with what signs a client in.

    Args:
        address: Of the application.
        answer: As `token_answer` makes it.
        further: Values to go with them.
    """
    names = ("access_token", "expires_at", "expires_in", "refresh_token", "token_type")
    return with_fragment(address, {**{name: str(answer[name]) for name in names}, **further})


def see_other(address: str, *, status: int = 303) -> HTMLResponse:
    """Redirect with the body that Go's http.Redirect writes. Tokens in it must not be stored."""
    phrase = {302: "Found", 303: "See Other"}[status]
    return HTMLResponse(
        f'<a href="{html.escape(address)}">{phrase}</a>.\n\n',
        status_code=status,
        headers={
            "Location": address,
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
        },
    )
