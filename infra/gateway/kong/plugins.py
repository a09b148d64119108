"""Configurations of the bundled plugins that the rendering uses, as far as it uses them.

The declarative file's own JSON Schema leaves a plugin's `config` open. The fields here are those of
Kong 3.9's `kong/plugins/<name>/schema.lua`, with the values that Kong allows; a name that Kong does
not know would keep it from starting.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

Entity = dict[str, Any]
"""An entity of the declarative file, whose shape Kong's JSON Schema checks."""

StatusCode = Annotated[int, Field(ge=100, le=599)]
Script = Annotated[str, Field(min_length=1)]


class PluginConfig(BaseModel):
    """A plugin's `config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plugin: ClassVar[str]
    """Its name."""

    def entity(self) -> Entity:
        """The plugin as an entity of the declarative file; defaults are left to Kong."""
        return {"name": self.plugin, "config": self.model_dump(exclude_none=True, mode="json")}


class Cors(PluginConfig):
    """Priority 2000.

    A list with one plain origin would be answered with it to any other one too, and an empty one
    with `*`; regular expressions are compared with the request's.
    """

    plugin = "cors"
    origins: Annotated[tuple[str, ...], Field(min_length=1)]
    methods: tuple[
        Literal["GET", "HEAD", "PUT", "PATCH", "POST", "DELETE", "OPTIONS", "TRACE", "CONNECT"],
        ...,
    ]
    headers: tuple[str, ...]
    exposed_headers: tuple[str, ...]
    max_age: float
    credentials: bool
    preflight_continue: bool = False


class CorrelationId(PluginConfig):
    """Priority 100001."""

    plugin = "correlation-id"
    header_name: str
    generator: Literal["uuid", "uuid#counter", "tracker"]
    echo_downstream: bool


class RequestSizeLimiting(PluginConfig):
    """Priority 951."""

    plugin = "request-size-limiting"
    allowed_payload_size: int
    size_unit: Literal["megabytes", "kilobytes", "bytes"]
    require_content_length: bool = False


class RateLimiting(PluginConfig):
    """Priority 910. Counts in windows that begin with the clock's minute."""

    plugin = "rate-limiting"
    minute: Annotated[float, Field(gt=0)]
    policy: Literal["local", "redis"]
    limit_by: Literal["consumer", "credential", "ip", "service", "header", "path"]
    header_name: str | None = None
    fault_tolerant: bool = True
    hide_client_headers: bool = False

    @model_validator(mode="after")
    def _header_is_named(self) -> Self:
        if self.limit_by == "header" and not self.header_name:
            raise ValueError("header_name is needed with limit_by: header")
        return self


class RequestTermination(PluginConfig):
    """Priority 2."""

    plugin = "request-termination"
    status_code: StatusCode
    message: str | None = None
    content_type: str | None = None
    body: str | None = None

    @model_validator(mode="after")
    def _one_kind_of_answer(self) -> Self:
        if self.message and (self.content_type or self.body):
            raise ValueError("message cannot be used with content_type or body")
        if self.content_type and not self.body:
            raise ValueError("content_type requires a body")
        return self


class FileLog(PluginConfig):
    """Priority 9."""

    plugin = "file-log"
    path: Annotated[str, Field(pattern=r"^[^*&%`]+$")]
    reopen: bool = False


class Prometheus(PluginConfig):
    """Priority 13."""

    plugin = "prometheus"
    per_consumer: bool = False
    status_code_metrics: bool = False
    latency_metrics: bool = False
    bandwidth_metrics: bool = False
    upstream_health_metrics: bool = False


class _Functions(PluginConfig):
    access: tuple[Script, ...] = ()
    header_filter: tuple[Script, ...] = ()
    body_filter: tuple[Script, ...] = ()
    log: tuple[Script, ...] = ()


class PreFunction(_Functions):
    """Priority 1,000,000: its scripts come before every other plugin's."""

    plugin = "pre-function"


class PostFunction(_Functions):
    """Priority -1000: its scripts come after every other plugin's."""

    plugin = "post-function"


ALL: tuple[type[PluginConfig], ...] = (
    Cors,
    CorrelationId,
    RequestSizeLimiting,
    RateLimiting,
    RequestTermination,
    FileLog,
    Prometheus,
    PreFunction,
    PostFunction,
)
"""What the rendering may use; Kong loads nothing else."""


def entities(plugins: Iterable[PluginConfig]) -> list[Entity]:
    """Plugins as entities of the declarative file."""
    return [plugin.entity() for plugin in plugins]
