"""The OpenAPI 3.1 document: what FastAPI derives from the routes, completed.

FastAPI knows paths, parameters and bodies. It does not know what the routes answer, that errors
have GoTrue's form, which routes want a bearer token, and what `redirect_to` is: that is added here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from services.auth import answers, bodies, context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fastapi import APIRouter, FastAPI
    from fastapi.dependencies.models import Dependant

_REFERENCES = "#/components/schemas/{model}"
_BEARER = "bearer"
_NO_CONTENT = 204


@dataclass(frozen=True)
class Success:
    """What a route answers when it does what it was asked for.

    Attributes:
        models: The body is one of them; none means that there is no JSON body.
        lists: The body is an array of them.
        status: HTTP status code.
        media_type: Of a body that is not JSON.
    """

    models: tuple[type[answers.Answer], ...] = ()
    lists: bool = False
    status: int = 200
    media_type: str = "application/json"

    def described(self) -> dict[str, Any]:
        """OpenAPI Response Object."""
        described: dict[str, Any] = {"description": "Done"}
        if self.models:
            described["description"] = " or ".join(map(_summary, self.models))
            one = _one_of(self.models)
            schema = {"type": "array", "items": one} if self.lists else one
            described["content"] = {self.media_type: {"schema": schema}}
        elif self.status != _NO_CONTENT:
            described["content"] = {self.media_type: {}}
        return described


_USER = (Success((answers.User,)),)
_SESSION = (Success((answers.Session,)),)
_NOTHING = (Success((answers.Nothing,)),)
_TO_THE_APPLICATION = (Success(status=303, media_type="text/html"),)
_TO_THE_PROVIDER = Success(status=302, media_type="text/html")
_ANSWERS: Mapping[str, tuple[Success, ...]] = {
    "GET /health": (Success((answers.Health,)),),
    "GET /settings": (Success((answers.Settings,)),),
    "GET /.well-known/jwks.json": (Success((answers.KeySet,)),),
    "POST /signup": (Success((answers.Session, answers.User)),),
    "POST /recover": _NOTHING,
    "POST /otp": _NOTHING,
    "POST /magiclink": _NOTHING,
    "POST /resend": _NOTHING,
    "GET /verify": _TO_THE_APPLICATION,
    "GET /authorize": (_TO_THE_PROVIDER,),
    "GET /callback": _TO_THE_APPLICATION,
    "POST /callback": _TO_THE_APPLICATION,
    "POST /verify": (Success((answers.Session, answers.HalfConfirmed)),),
    "POST /token": _SESSION,
    "GET /user": _USER,
    "PUT /user": _USER,
    "GET /user/identities/authorize": (_TO_THE_PROVIDER, Success((answers.ProviderAddress,))),
    "DELETE /user/identities/{identity_id}": _NOTHING,
    "GET /reauthenticate": _NOTHING,
    "POST /factors": (Success((answers.EnrolledFactor,)),),
    "DELETE /factors/{factor_id}": (Success((answers.RemovedFactor,)),),
    "POST /factors/{factor_id}/challenge": (Success((answers.Challenge,)),),
    "POST /factors/{factor_id}/verify": _SESSION,
    "POST /logout": (Success(status=204),),
    "GET /admin/users": (Success((answers.Users,)),),
    "POST /admin/users": _USER,
    "GET /admin/users/{user_id}": _USER,
    "PUT /admin/users/{user_id}": _USER,
    "DELETE /admin/users/{user_id}": _NOTHING,
    "GET /admin/users/{user_id}/factors": (Success((answers.Factor,), lists=True),),
    "DELETE /admin/users/{user_id}/factors/{factor_id}": (Success((answers.Factor,)),),
    "POST /invite": _USER,
    "POST /admin/generate_link": (Success((answers.GeneratedLink,)),),
    "GET /admin/audit": (Success((answers.AuditEntry,), lists=True),),
    "GET /metrics": (Success(media_type="text/plain"),),
}
_GRANTS: Mapping[str, type[bodies.Body]] = {
    "password": bodies.PasswordGrant,
    "refresh_token": bodies.RefreshTokenGrant,
    "pkce": bodies.CodeGrant,
}
_BODY_MAY_BE_ABSENT = frozenset({"DELETE /admin/users/{user_id}"})
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "POST /recover": ("email",),
    "POST /otp": ("email",),
    "POST /magiclink": ("email",),
    "POST /resend": ("type", "email"),
    "POST /verify": ("type",),
    "POST /factors": ("factor_type",),
    "POST /factors/{factor_id}/verify": ("challenge_id", "code"),
    "POST /invite": ("email",),
    "POST /admin/generate_link": ("type", "email"),
}
_FORMATS = {
    "email": "email",
    "new_email": "email",
    "password": "password",
    "factor_id": "uuid",
    "identity_id": "uuid",
    "user_id": "uuid",
    "challenge_id": "uuid",
}
_VALUES: Mapping[str, tuple[str, ...]] = {
    "POST /resend type": ("signup", "email_change"),
    "POST /verify type": ("signup", "invite", "recovery", "magiclink", "email", "email_change"),
    "GET /verify type": ("signup", "invite", "recovery", "magiclink", "email_change"),
    "POST /factors factor_type": ("totp",),
    "POST /logout scope": ("global", "local", "others"),
    "POST /admin/generate_link type": (
        *("signup", "invite", "recovery", "magiclink"),
        *("email_change_new", "email_change_current"),
    ),
}
_REDIRECT = {
    "name": "redirect_to",
    "in": "query",
    "description": "Where the link leads to: an address that the service's settings allow",
    "schema": {"type": "string", "default": ""},
}


def install_document(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Serve the completed document in place of FastAPI's own.

    Args:
        app: The application.
        routers: Its routers; each route is in the document, but for those that say otherwise.
    """
    derive = app.openapi
    dependencies = {
        f"{method} {route.path_format}": frozenset(_calls(route.dependant))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(derive(), dependencies)
        return app.openapi_schema

    # FastAPI's own way to extend the document: https://fastapi.tiangolo.com/how-to/extending-openapi/
    app.openapi = document  # type: ignore[method-assign]


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from _calls(dependency)


def _completed(
    derived: Mapping[str, Any],
    dependencies: Mapping[str, frozenset[Callable[..., Any] | None]],
) -> dict[str, Any]:
    paths = {
        path: {
            method: _operation(f"{method.upper()} {path}", operation, dependencies)
            for method, operation in operations.items()
        }
        for path, operations in derived["paths"].items()
    }
    errors: tuple[type[answers.Answer], ...] = (answers.Error, answers.VersionedError)
    models = {
        *errors,
        *(model for several in _ANSWERS.values() for one in several for model in one.models),
    }
    _, definitions = models_json_schema(
        [(model, "serialization") for model in sorted(models, key=_name)],
        ref_template=_REFERENCES,
    )
    return {
        **derived,
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "responses": {
                "Refused": {
                    "description": "The request is refused",
                    "content": {"application/json": {"schema": _one_of(errors)}},
                },
            },
            "securitySchemes": {
                _BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def _operation(
    name: str,
    derived: Mapping[str, Any],
    dependencies: Mapping[str, frozenset[Callable[..., Any] | None]],
) -> dict[str, Any]:
    operation = dict(derived)
    calls = dependencies.get(name, frozenset())
    refused = {"$ref": "#/components/responses/Refused"}
    successes = _ANSWERS.get(name)
    answered = (
        {str(success.status): success.described() for success in successes}
        if successes
        else {code: answer for code, answer in derived["responses"].items() if code < "400"}
    )
    # FastAPI's 422 is never sent: errors.py answers a refused parameter in GoTrue's form.
    operation["responses"] = {**answered, "4XX": refused, "5XX": refused}
    if context.get_claims in calls:
        operation["security"] = [{_BEARER: []}]
    parameters = [_parameter(name, one) for one in operation.get("parameters", ())]
    if context.get_redirect in calls:
        parameters.append(_REDIRECT)
    if parameters:
        operation["parameters"] = parameters
    if name == "POST /token":
        operation |= _token_operation()
    elif "requestBody" in operation:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        operation["requestBody"] = _request_body(
            _body_schema(schema, name), required=name not in _BODY_MAY_BE_ABSENT
        )
    return operation


def _token_operation() -> dict[str, Any]:
    """What depends on the grant: its name in the query, its members in the body."""
    grants = [
        {
            **_body_schema(schema),
            "required": [one for one in schema["properties"] if one != "phone"],
        }
        for schema in (model.model_json_schema() for model in _GRANTS.values())
    ]
    grant_type = {"type": "string", "enum": list(_GRANTS)}
    return {
        "parameters": [
            {"name": "grant_type", "in": "query", "required": True, "schema": grant_type}
        ],
        "requestBody": _request_body({"anyOf": grants}, required=True),
    }


def _parameter(operation: str, derived: Mapping[str, Any]) -> dict[str, Any]:
    name = derived["name"]
    return {**derived, "schema": {**derived["schema"], **_constraints(operation, name)}}


def _constraints(operation: str, name: str) -> dict[str, Any]:
    """What models do not say about a text."""
    values = _VALUES.get(f"{operation} {name}")
    return {
        **({"format": _FORMATS[name]} if name in _FORMATS else {}),
        **({"enum": list(values)} if values else {}),
    }


def _request_body(schema: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}, "required": required}


def _body_schema(schema: Mapping[str, Any], operation: str = "") -> dict[str, Any]:
    """A body's schema with what models do not say: null counts as absent where that is allowed."""
    required = _REQUIRED.get(operation, ())
    properties = {}
    for name, declared in schema["properties"].items():
        member = {key: value for key, value in declared.items() if key != "default"}
        member |= _constraints(operation, name)
        if "type" in member and name not in required:
            member["type"] = [member["type"], "null"]
        properties[name] = member
    return {
        **schema,
        "properties": properties,
        **({"required": list(required)} if required else {}),
    }


def _one_of(models: Iterable[type[answers.Answer]]) -> dict[str, Any]:
    references = [{"$ref": _REFERENCES.format(model=model.__name__)} for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _summary(model: type[answers.Answer]) -> str:
    return str(model.__doc__).partition(".")[0]


def _name(model: type[answers.Answer]) -> str:
    return model.__name__
