"""The hook that changes the claims of access tokens before they are signed.

The target gets `{"metadata", "user_id", "claims", "authentication_method"}` and answers
`{"claims": {…}}`, or `{"error": {"http_code": 403, "message": "…"}}` to refuse. It runs inside the
transaction that signs the user in: a function sees what the transaction has written, and where the
hook fails nothing of it stays.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog

from services.auth.errors import AuthError
from services.auth.hooks.endpoint import LONGEST_ANSWER_BYTES, call_endpoint
from services.auth.hooks.targets import DatabaseFunction
from services.auth.models import rfc3339

if TYPE_CHECKING:
    from services.auth.hooks.targets import Target
    from services.auth.models import Client

logger = structlog.get_logger()

_FUNCTION_TIMEOUT = "2s"
_HTTP_ERRORS = range(400, 600)

# GoTrue's MinimumViableTokenSchema: claim, whether it must be there, and its possible types.
_CLAIMS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("aud", True, ("string", "array")),
    ("exp", True, ("integer",)),
    ("jti", False, ("string",)),
    ("iat", True, ("integer",)),
    ("iss", False, ("string",)),
    ("nbf", False, ("integer",)),
    ("sub", True, ("string",)),
    ("email", True, ("string",)),
    ("phone", True, ("string",)),
    ("app_metadata", False, ("object",)),
    ("user_metadata", False, ("object",)),
    ("role", True, ("string",)),
    ("aal", True, ("string",)),
    ("amr", False, ("array",)),
    ("session_id", True, ("string",)),
    ("client_id", False, ("string",)),
    ("is_anonymous", True, ("boolean", "string", "integer", "number", "object", "array", "null")),
)


class AccessTokenHook:
    """Asks the operator's code which claims a token shall have."""

    def __init__(self, target: Target) -> None:
        self._target = target

    async def change(
        self, connection: asyncpg.Connection, claims: dict[str, Any], method: str, client: Client
    ) -> dict[str, Any]:
        """Claims to sign.

        Args:
            connection: In the transaction that signs the user in.
            claims: As the service would sign them.
            method: How the user signs in, or `token_refresh`.
            client: Where the request comes from.

        Raises:
            AuthError: The hook refuses, fails, or leaves out a claim that is needed.
        """
        now = rfc3339(dt.datetime.now(dt.UTC))
        metadata = {"uuid": str(uuid.uuid4()), "time": now, "name": "customize-access-token"}
        if client.address is not None:
            metadata["ip_address"] = client.address
        request = {
            "metadata": metadata,
            "user_id": claims["sub"],
            "claims": claims,
            "authentication_method": method,
        }
        return accepted_claims(await self._ask(connection, request))

    async def _ask(self, connection: asyncpg.Connection, request: dict[str, Any]) -> object:
        if isinstance(self._target, DatabaseFunction):
            return await _call_function(connection, self._target, request)
        body = await call_endpoint(self._target, json.dumps(request).encode())
        try:
            return json.loads(body or b"null")
        except ValueError:
            raise _failure("Error unmarshaling JSON output.") from None


def accepted_claims(answer: object) -> dict[str, Any]:
    """Claims of a hook's answer.

    Raises:
        AuthError: The answer is an error, or its claims cannot be those of a token.
    """
    if not isinstance(answer, dict):
        raise _failure("Error unmarshaling JSON output.")
    _raise_for_error(answer.get("error"))
    if "claims" not in answer:
        raise _failure("output claims field is missing")
    claims = answer["claims"]
    if not isinstance(claims, dict):
        raise _failure("Error unmarshaling JSON output.")
    if faults := list(_faults(claims)):
        listed = "".join(f"- {fault}\n" for fault in faults)
        raise _failure(f"output claims do not conform to the expected schema: \n{listed}")
    return claims


def _raise_for_error(error: object) -> None:
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return
    status = error.get("http_code")
    if not error["message"]:
        return
    if not isinstance(status, int) or status not in _HTTP_ERRORS:
        status = 500
    code = "unexpected_failure" if status == 500 else "unknown"  # noqa: PLR2004  (internal error)
    raise AuthError(status, code, error["message"])


def _faults(claims: dict[str, Any]) -> list[str]:
    missing = [
        f"(root): {name} is required"
        for name, needed, _ in _CLAIMS
        if needed and name not in claims
    ]
    mistyped = [
        f"{name}: Invalid type. Expected: {'/'.join(types)}, given: {_type_of(claims[name])}"
        for name, _, types in _CLAIMS
        if name in claims and _type_of(claims[name]) not in types
    ]
    amr = claims.get("amr")
    entries = [
        f"amr.{place}: Invalid type. Expected: string/object, given: {_type_of(entry)}"
        for place, entry in enumerate(amr if isinstance(amr, list) else ())
        if _type_of(entry) not in {"string", "object"}
    ]
    return missing + mistyped + entries


def _type_of(value: object) -> str:
    """Type of a JSON value, by JSON Schema's name."""
    if isinstance(value, float) and value.is_integer():
        return "integer"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


async def _call_function(
    connection: asyncpg.Connection, function: DatabaseFunction, request: dict[str, Any]
) -> object:
    """Result of the function, with a time limit of its own."""
    # Both names were checked when the settings were read.
    statement = f'select "{function.schema}"."{function.name}"($1::jsonb)::jsonb'
    try:
        await connection.execute(f"set local statement_timeout = '{_FUNCTION_TIMEOUT}'")
        answer: object = await connection.fetchval(statement, request)
        await connection.execute("set local statement_timeout to default")
    except asyncpg.PostgresConnectionError:
        raise
    except asyncpg.PostgresError as error:
        # Its message may quote what the function worked on.
        logger.warning("hook failed", hook=function.address, reason=type(error).__name__)
        raise _failure(f"Error running hook URI: {function.address}") from None
    if len(json.dumps(answer)) > LONGEST_ANSWER_BYTES:
        raise AuthError(
            422,
            "hook_payload_over_size_limit",
            f"Payload size exceeded size limit of {LONGEST_ANSWER_BYTES} bytes",
        )
    return answer


def _failure(message: str) -> AuthError:
    return AuthError(500, "unexpected_failure", message)
