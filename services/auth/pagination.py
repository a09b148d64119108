"""Pages of lists that administrators read: `page` and `per_page`, and the links to other pages."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request

from services.auth.context import Admin
from services.auth.errors import validation_failed
from services.auth.models import Page

_DEFAULT_PAGE_SIZE = 50
_LARGEST_PAGE_SIZE = 1000
_LARGEST_PAGE_NUMBER = 10**9


async def requested_page(
    _admin: Admin,
    page: Annotated[str, Query()] = "",
    per_page: Annotated[str, Query()] = "",
) -> Page:
    """Page of the query. A page larger than 1,000 is cut to that."""
    number = _count(page, 1)
    size = _count(per_page, _DEFAULT_PAGE_SIZE)
    if size == 0:
        raise validation_failed("Bad Pagination Parameters: per_page must be greater than 0")
    return Page(max(number, 1), min(size, _LARGEST_PAGE_SIZE))


def _count(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_LARGEST_PAGE_NUMBER)):
        raise validation_failed(f"Bad Pagination Parameters: {text[:32]!r} is not a page number")
    return int(text)


RequestedPage = Annotated[Page, Depends(requested_page)]


def page_links(request: Request, page: Page, total: int) -> str:
    """Value of the header `Link` (RFC 8288): the next and the last page."""
    last = -(-total // page.size)
    numbers = [("next", page.number + 1)] if page.number < last else []
    return ", ".join(
        f'<{request.url.path}?{_query(request, number)}>; rel="{relation}"'
        for relation, number in [*numbers, ("last", last)]
    )


def _query(request: Request, page: int) -> str:
    values = {**dict(request.query_params), "page": str(page)}
    return urlencode(sorted(values.items()))
