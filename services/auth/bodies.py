"""Request bodies, in GoTrue's names. Unknown members are ignored, as GoTrue does.

A member that is null counts as absent: clients send null for what they leave open.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request

from services.shared.errors import InvalidJsonError
from services.shared.json_body import parse_json

JsonObject = dict[str, Any]


class Body(BaseModel):
    """Base of all request bodies."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    @classmethod
    def from_bytes(cls, body: bytes) -> Self:
        """Body of a request.

        Raises:
            InvalidJsonError: Not JSON, not an object, or a member of a wrong type.
        """
        value = parse_json(body)
        if not isinstance(value, dict):
            raise InvalidJsonError("the body is not a JSON object")
        present = {name: member for name, member in value.items() if member is not None}
        try:
            return cls.model_validate(present)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(map(str, problem["loc"]))
            raise InvalidJsonError(f"{field}: {problem['msg'].lower()}") from None


class SignUp(Body):
    """`POST /signup`. Neither `email` nor `phone` asks for an anonymous user."""

    email: str = ""
    phone: str = ""
    password: str = ""
    data: JsonObject = {}
    code_challenge: str = ""
    code_challenge_method: str = ""


class PasswordGrant(Body):
    """`POST /token?grant_type=password`."""

    email: str = ""
    phone: str = ""
    password: str = ""


class RefreshTokenGrant(Body):
    """`POST /token?grant_type=refresh_token`."""

    refresh_token: str = ""


class CodeGrant(Body):
    """`POST /token?grant_type=pkce`."""

    auth_code: str = ""
    code_verifier: str = ""


class IdTokenGrant(Body):
    """`POST /token?grant_type=id_token`."""

    provider: str = ""
    id_token: str = ""
    access_token: str = ""
    nonce: str = ""
    client_id: str = ""
    issuer: str = ""


class Recovery(Body):
    """`POST /recover`."""

    email: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""


class SignInByMail(Body):
    """`POST /otp` and `POST /magiclink`."""

    email: str = ""
    phone: str = ""
    create_user: bool = True
    data: JsonObject = {}
    channel: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""


class Resend(Body):
    """`POST /resend`."""

    type: str = ""
    email: str = ""
    phone: str = ""


class Verification(Body):
    """`POST /verify`: a code with its address, or the token of a link."""

    type: str = ""
    token: str = ""
    token_hash: str = ""
    email: str = ""
    phone: str = ""
    redirect_to: str = ""


class Invitation(Body):
    """`POST /invite`."""

    email: str = ""
    data: JsonObject = {}


class LinkRequest(Body):
    """`POST /admin/generate_link`."""

    type: str = ""
    email: str = ""
    new_email: str = ""
    password: str = ""
    data: JsonObject = {}
    redirect_to: str = ""


class FactorEnrolment(Body):
    """`POST /factors`."""

    friendly_name: str = ""
    factor_type: str = ""
    issuer: str = ""


class FactorVerification(Body):
    """`POST /factors/{factor_id}/verify`."""

    challenge_id: str = ""
    code: str = ""


class UserUpdate(Body):
    """`PUT /user`."""

    email: str = ""
    phone: str = ""
    password: str | None = None
    nonce: str = ""
    data: JsonObject | None = None
    app_metadata: JsonObject | None = None
    code_challenge: str = ""
    code_challenge_method: str = ""


class AdminUser(Body):
    """`POST /admin/users` and `PUT /admin/users/{user_id}`."""

    id: str = ""
    aud: str = ""
    role: str = ""
    email: str = ""
    phone: str = ""
    password: str | None = None
    password_hash: str = ""
    email_confirm: bool = False
    phone_confirm: bool = False
    user_metadata: JsonObject | None = None
    app_metadata: JsonObject | None = None
    ban_duration: str = ""


class AdminUserDeletion(Body):
    """`DELETE /admin/users/{user_id}`; the body may be absent."""

    should_soft_delete: bool = False


BodyType = TypeVar("BodyType", bound=Body)


def body_of(model: type[BodyType]) -> Callable[[Request], Coroutine[Any, Any, BodyType]]:
    """Dependency that reads a request's body."""

    async def read(request: Request) -> BodyType:
        return model.from_bytes(await request.body())

    return read


def documented(model: type[Body]) -> dict[str, Any]:
    """`openapi_extra` of a route that takes this body."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"content": content}}
