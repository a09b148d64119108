"""PostgREST, the REST API over PostgreSQL."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from infra.config.section import Section
from infra.config.values import Identifier


class Rest(Section):
    """PostgREST."""

    schemas: Annotated[tuple[Identifier, ...], Field(min_length=1)] = ("public",)
    """Schemas that the API exposes, the first one by default."""

    openapi: Literal["service_role", "disabled"] = "service_role"
    """Who may read the generated OpenAPI description at the API's root."""

    pool_size: Annotated[int, Field(ge=1, le=100)] = 10
    """Connections to PostgreSQL."""

    max_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Most rows that one request returns."""
