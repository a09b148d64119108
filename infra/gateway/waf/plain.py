"""The server for plain HTTP beside TLS: it leads to HTTPS, and an ACME directory to its proof."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.gateway.waf.blocks import block, choice, milliseconds
from infra.services.certificates import CHALLENGE_PATH, CHALLENGE_SECONDS, CHALLENGES_AT_ONCE

if TYPE_CHECKING:
    from infra.gateway.settings import Tls
    from infra.gateway.waf.settings import WafSettings

_HTTPS_PORT = 443
_NAMES = "127.0.0.11"
"""The engine's name server, in every container of a network."""


def redirect_server(settings: WafSettings, tls: Tls) -> str:
    """The server that sends every plain HTTP request to the public URL.

    All but what an ACME directory asks for, where one issues the certificate.
    """
    port = "" if tls.public_port == _HTTPS_PORT else f":{tls.public_port}"
    # Not the client's host: it could name any. The method stays what it is.
    redirect = f"return 308 https://{tls.public_host}{port}$plinth_target;"
    return "\n".join(
        [
            "# A request line may name another host; nothing but a path is taken from it.",
            choice("$request_uri", "$plinth_target", ("default", "/"), ('"~^/"', "$request_uri")),
            _challenges() if tls.challenges else "",
            block(
                "server",
                f"listen {settings.redirect_port} default_server;",
                f"keepalive_timeout {milliseconds(settings.client_limits.header_seconds)};",
                _location(settings, redirect) if tls.challenges else redirect,
            ),
        ]
    )


def _challenges() -> str:
    """What a challenge is, as it is written: other servers may read a path in another way."""
    return "\n".join(
        [
            choice(
                '"$request_method $request_uri"',
                "$plinth_challenge",
                ("default", '""'),
                (f'"~^GET {CHALLENGE_PATH}$"', "challenge"),
            ),
            # Requests without a value are not counted.
            "limit_conn_zone $plinth_challenge zone=challenges:64k;",
        ]
    )


def _location(settings: WafSettings, redirect: str) -> str:
    proof = settings.certificates
    return block(
        "location /",
        block('if ($plinth_challenge = "")', redirect),
        f"limit_conn challenges {CHALLENGES_AT_ONCE};",
        "client_max_body_size 1k;",
        "proxy_pass_request_body off;",
        'proxy_set_header Content-Length "";',
        f"proxy_read_timeout {CHALLENGE_SECONDS}s;",
        "# By a variable the name is looked up for each request: the component may come later, or",
        "# anew with another address.",
        f"resolver {_NAMES} ipv6=off valid=5s;",
        f"set $plinth_proof {proof.host}:{proof.port};",
        "proxy_pass http://$plinth_proof;",
    )
