"""The access log: one JSON object per request on standard output, without secrets.

The path is the one that the client sent, without its query, which may carry a key. No header that
may hold a credential is read.
"""

from __future__ import annotations

from infra.gateway.envoy.xds import Json, typed
from infra.gateway.routes import HEALTH_PATH

_FIELDS: dict[str, Json] = {
    "time": "%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%",
    "service": "gateway",
    "request_id": "%REQ(X-REQUEST-ID):128%",
    "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "method": "%REQ(:METHOD):16%",
    "path": "%PATH(NQ:ORIG_OR_PATH):512%",
    "route": "%ROUTE_NAME%",
    "role": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:claims:role)%",
    "status": "%RESPONSE_CODE%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "flags": "%RESPONSE_FLAGS%",
    "duration_ms": "%DURATION%",
    "bytes_received": "%BYTES_RECEIVED%",
    "bytes_sent": "%BYTES_SENT%",
}


def access_log() -> Json:
    """Envoy `AccessLog` list. The health check's own requests are left out."""
    return [
        {
            "name": "envoy.access_loggers.stdout",
            "filter": {
                "header_filter": {
                    "header": {
                        "name": ":path",
                        "string_match": {"exact": HEALTH_PATH},
                        "invert_match": True,
                    }
                }
            },
            "typed_config": typed(
                "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
                log_format={"json_format": _FIELDS},
            ),
        }
    ]
