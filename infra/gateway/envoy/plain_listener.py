"""A listener of plain HTTP for a few paths, beside the public one."""

from __future__ import annotations

from infra.gateway.envoy.xds import Json, http_filter_message, socket_address, typed


def plain_listener(
    name: str, port: int, routes: list[Json], manager: Json, **listener: Json
) -> dict[str, Json]:
    """Envoy `Listener` of plain HTTP/1.1 on every address of the container; other paths are 404.

    Args:
        name: Of the listener, and the prefix of its statistics.
        port: In the container.
        routes: Envoy `Route`s; the first that matches counts.
        manager: Further fields of the `HttpConnectionManager`.
        **listener: Further fields of the `Listener`.
    """
    return {
        "name": name,
        "address": socket_address("0.0.0.0", port),  # noqa: S104 - inside a container
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": typed(
                            "envoy.extensions.filters.network.http_connection_manager.v3"
                            ".HttpConnectionManager",
                            stat_prefix=name,
                            codec_type="HTTP1",
                            http_filters=[
                                {
                                    "name": "envoy.filters.http.router",
                                    "typed_config": http_filter_message("router.v3.Router"),
                                }
                            ],
                            route_config={
                                "name": name,
                                "virtual_hosts": [
                                    {"name": name, "domains": ["*"], "routes": routes}
                                ],
                            },
                            **manager,
                        ),
                    }
                ]
            }
        ],
        **listener,
    }
