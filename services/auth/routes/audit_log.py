"""`GET /admin/audit`: the audit log, as administrators read it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import JSONResponse

from services.auth.audit import FILTERS, list_audit_entries
from services.auth.context import Context
from services.auth.errors import validation_failed
from services.auth.pagination import RequestedPage, page_links

router = APIRouter(tags=["admin"])


@router.get("/admin/audit")
async def list_entries(
    request: Request,
    page: RequestedPage,
    context: Context,
    query: Annotated[str, Query(max_length=255)] = "",
) -> JSONResponse:
    """List entries, the newest first. `query` is such as `action:login` or `author:ann@`."""
    members, contains = _filter(query.replace("\0", ""))
    async with context.database.connection("list_audit") as connection:
        entries, total = await list_audit_entries(connection, page, members, contains)
    headers = {"Link": page_links(request, page, total), "X-Total-Count": str(total)}
    return JSONResponse(entries, headers=headers)


def _filter(query: str) -> tuple[tuple[str, ...], str]:
    if not query:
        return (), ""
    name, separator, contains = query.partition(":")
    if not separator or name not in FILTERS:
        raise validation_failed(
            f"Invalid query scope: write one of {', '.join(FILTERS)}, a colon, and what to look for"
        )
    return FILTERS[name], contains
