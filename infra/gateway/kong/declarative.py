"""The gateway's declarative file for Kong 3.9 without a database.

`render` is a pure function: the same settings give the same text, so a change of the text is a
change of the gateway. The text holds keys and tokens and is a secret itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from infra.gateway.kong import scripts
from infra.gateway.kong.entities import own_routes, services, upstreams
from infra.gateway.kong.plugins import CorrelationId, Entity, FileLog, Prometheus, entities
from infra.gateway.routes import ROUTES, Route, enabled_routes

if TYPE_CHECKING:
    from infra.gateway.settings import GatewaySettings

REQUEST_ID_HEADER = "X-Request-ID"
ACCESS_LOG = "/dev/stdout"


def render(settings: GatewaySettings, routes: tuple[Route, ...] = ROUTES) -> str:
    """Render the gateway's declarative file as YAML.

    Args:
        settings: What differs between environments.
        routes: The route table.
    """
    return yaml.dump(
        declaration(settings, routes),
        Dumper=_Dumper,
        sort_keys=False,
        width=100,
    )


def declaration(settings: GatewaySettings, routes: tuple[Route, ...] = ROUTES) -> Entity:
    """The declarative file as nested objects; see `render`."""
    enabled = enabled_routes(settings.profiles, settings.rest_openapi, routes)
    return {
        "_format_version": "3.0",
        "services": services(enabled, settings),
        "routes": own_routes(enabled),
        "upstreams": upstreams(enabled, settings),
        "plugins": entities(
            [
                scripts.before(enabled, settings),
                CorrelationId(
                    header_name=REQUEST_ID_HEADER, generator="uuid", echo_downstream=True
                ),
                FileLog(path=ACCESS_LOG),
                Prometheus(
                    status_code_metrics=True,
                    latency_metrics=True,
                    bandwidth_metrics=True,
                    upstream_health_metrics=True,
                ),
                scripts.after(enabled, settings),
            ]
        ),
    }


class _Dumper(yaml.SafeDumper):
    """Writes scripts as blocks, so that a person can read them, and every value where it is."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
