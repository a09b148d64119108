"""What the firewall is told: where clients come from, what it passes on to, how strict it is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from infra.gateway.settings import ClientLimits, Tls, Upstream
from infra.services.certificates import PORT

DEFAULT_GATEWAY = Upstream(host="gateway", port=8000)
DEFAULT_CERTIFICATES = Upstream(host="certificates", port=PORT)

SPARE_SECONDS = 5
"""More than whoever stands behind has as a time limit, so that its answer is the one that a client
gets."""


class WafSettings(BaseModel):
    """Everything that the firewall's files depend on, besides the route table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen_port: int = Field(default=8000, ge=1, le=65535)
    redirect_port: int = Field(default=8001, ge=1, le=65535)
    """Where plain HTTP is sent to HTTPS, with `tls`."""

    health_port: int = Field(default=9903, ge=1, le=65535)
    """On the loopback address of the container."""

    gateway: Upstream = DEFAULT_GATEWAY
    tls: Tls | None = None
    """None for plain HTTP. The certificate is in the files that `runtime` names."""

    certificates: Upstream = DEFAULT_CERTIFICATES
    """Where an ACME directory finds its proof, with `tls.challenges`."""

    secure: bool = False
    """Whether clients come by HTTPS, to the firewall or to a proxy in front of it."""

    trusted_proxies: int = Field(default=0, ge=0, le=8)
    """How many proxies in front of the firewall append to X-Forwarded-For."""

    cors_origins: tuple[str, ...] = ()
    """Browser origins that may read a refusal."""

    paranoia_level: int = Field(default=1, ge=1, le=4)
    anomaly_threshold: int = Field(default=5, ge=1, le=1000)
    disabled_rules: tuple[int, ...] = ()
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Per client address, whatever the path: more than the gateway would let through anyway. None
    for any number."""

    client_limits: ClientLimits = ClientLimits()
