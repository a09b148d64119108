"""TLS at the gateway: the listener's end of it, and the way from plain HTTP to it.

Envoy reads the certificate from files that `start.sh` puts in place together, and reads them again
when it puts newer ones there: a renewal needs no restart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from infra.container import FILES_DIRECTORY
from infra.gateway.certificates import CHAIN_FILE, KEY_FILE
from infra.gateway.envoy import runtime
from infra.gateway.envoy.challenges import challenge_route
from infra.gateway.envoy.filters import security_headers
from infra.gateway.envoy.plain_listener import plain_listener
from infra.gateway.envoy.xds import Json, seconds, typed
from infra.gateway.tls import CIPHERS_OF_TLS_1_2

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings, Tls

_SECRET = "gateway"  # noqa: S105 - a name
_TRANSPORT = "envoy.extensions.transport_sockets.tls.v3"

HANDSHAKE_TIMEOUT = "10s"


def transport_socket() -> Json:
    """Envoy `TransportSocket` of a listener that speaks TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1."""
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": typed(
            f"{_TRANSPORT}.DownstreamTlsContext",
            common_tls_context={
                "tls_params": {
                    "tls_minimum_protocol_version": "TLSv1_2",
                    "cipher_suites": list(CIPHERS_OF_TLS_1_2),
                },
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [
                    {
                        "name": _SECRET,
                        "sds_config": {
                            "path_config_source": {
                                "path": f"{FILES_DIRECTORY}/{runtime.SECRET_FILE}"
                            },
                            "resource_api_version": "V3",
                        },
                    }
                ],
            },
        ),
    }


def secret_file() -> str:
    """Where Envoy finds certificate and key, as a `DiscoveryResponse` in YAML."""
    directory = runtime.CERTIFICATE_DIRECTORY
    secret = typed(
        f"{_TRANSPORT}.Secret",
        name=_SECRET,
        tls_certificate={
            "certificate_chain": {"filename": f"{directory}/current/{CHAIN_FILE}"},
            "private_key": {"filename": f"{directory}/current/{KEY_FILE}"},
            # Told by the move of `current`, so that both are read together.
            "watched_directory": {"path": directory},
        },
    )
    return yaml.safe_dump({"resources": [secret]}, sort_keys=False)


def redirect_listener(settings: GatewaySettings, tls: Tls) -> Json:
    """Envoy `Listener` that sends every plain HTTP request to the public URL.

    All but what an ACME directory asks for, where one issues the certificate.
    """
    patience = seconds(settings.client_limits.header_seconds)
    redirect = {
        "match": {"prefix": "/"},
        "redirect": {
            "https_redirect": True,
            # Not the client's: it could name any host.
            "host_redirect": tls.public_host,
            "port_redirect": tls.public_port,
            # The method stays what it is.
            "response_code": "PERMANENT_REDIRECT",
        },
        "response_headers_to_add": security_headers(secure=False),
    }
    return plain_listener(
        "redirect",
        settings.redirect_port,
        [challenge_route(), redirect] if tls.challenges else [redirect],
        {
            "request_headers_timeout": patience,
            "request_timeout": patience,
            "common_http_protocol_options": {"idle_timeout": patience},
            "server_header_transformation": "PASS_THROUGH",
        },
    )
