"""Every recorded answer of GoTrue v2.196 that concerns this version, and no other one.

The recording is a sequence: later requests use what earlier ones made. A test therefore prepares
the state that its request needs, sends the recorded request with the values of this run in it, and
compares status, headers, error codes, messages, and the keys and types of the body.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.service.auth.service import (
    ANON_TOKEN,
    CURRENT_KEY,
    ISSUER,
    SERVICE_TOKEN,
    AuthService,
    new_email,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

pytestmark = pytest.mark.engine

CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "auth-gotrue.json"
RECORDING: dict[str, list[dict[str, Any]]] = json.loads(CONTRACT.read_text())

# Recorded, and the work of a later version: the endpoint answers 404 until then.
LATER = {
    "auto-confirm": {
        "reauthenticate",
        "mfa enroll totp",
        "mfa challenge",
        "mfa verify wrong",
        "mfa verify",
        "mfa unenroll",
        "admin generate link recovery",
        "admin generate link magiclink",
        "admin generate link signup",
        "admin audit",
        "invite",
        "invite as anon",
        "recover",
        "recover unknown",
        "otp",
        "otp unknown no create",
        "magiclink",
        "verify bad token_hash",
        "verify get bad",
        "authorize disabled provider",
        "authorize unknown provider",
    },
    "confirm": {
        "resend signup",
        "verify link signup",
        "verify link reused",
        "recover",
        "verify link recovery",
        "otp",
        "verify otp wrong",
        "verify token_hash",
        "otp creates user",
        "verify signup via token_hash",
        "otp pkce",
        "verify link pkce",
        "verify link email_change",
    },
}
# Recorded answers that no request of this version can bring about, and why.
UNREACHABLE = {
    "auto-confirm": {
        "aal2 claims": "claims of a session with a second factor",
        "user with factor": "a user with a second factor",
    },
    "confirm": {
        "signup needs confirmation": "without auto-confirmation the service does not start",
        "signup duplicate confirmed is obfuscated": "the same",
        "change email": "the same",
        "mail": "a message that the service would have sent",
        "token pkce": "a grant for codes that only e-mail links hand out",
        "token pkce wrong verifier": "the same",
    },
}


def entries(mode: str, *, later: bool) -> list[Any]:
    """Recorded entries of a mode, as parameters of a test."""
    return [
        pytest.param(entry, id=entry["name"])
        for entry in RECORDING[mode]
        if entry["name"] not in UNREACHABLE[mode] and "request" in entry
        if (entry["name"] in LATER[mode]) is later
    ]


@dataclass
class Scene:
    """What a recorded request refers to, as it is in this run."""

    service: AuthService
    email: str
    password: str
    signed_up: dict[str, Any]
    signed_in: dict[str, Any]
    other_user: str

    def token(self, name: str | None) -> str | None:
        """Bearer token by its name in the recording."""
        tokens: dict[str | None, str | None] = {
            None: None,
            "user": self.signed_in["access_token"],
            "service_role": SERVICE_TOKEN,
            "anon": ANON_TOKEN,
            "garbage": "garbage",
        }
        return tokens[name]


@pytest.fixture
def scene(service: AuthService) -> Scene:
    """A user who has signed up and signed in, and one whom an administrator has made."""
    email, password = new_email(), "password-1"
    body = {"email": email, "password": password, "data": {"name": "Ann"}}
    signed_up = service.request("POST", "/signup", body=body).json()
    created = service.request(
        "POST",
        "/admin/users",
        token=SERVICE_TOKEN,
        body={
            "email": new_email(),
            "password": "password-1",
            "email_confirm": True,
            "user_metadata": {"k": 1},
            "app_metadata": {"plan": "pro"},
        },
    ).json()
    signed_in = service.sign_in(email, password).json()
    return Scene(service, email, password, signed_up, signed_in, created["id"])


def expired_token(scene: Scene) -> str:
    """The user's access token, a day later."""
    claims = jwt.decode(scene.signed_in["access_token"], options={"verify_signature": False})
    moment = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    claims.update(iat=int(moment.timestamp()) - 3600, exp=int(moment.timestamp()))
    return jwt.encode(
        claims, CURRENT_KEY.private, algorithm="ES256", headers={"kid": CURRENT_KEY.identifier}
    )


def used_refresh_token(scene: Scene) -> str:
    """A refresh token that has just been exchanged."""
    used: str = scene.signed_in["refresh_token"]
    assert scene.service.refresh(used).status_code == 200
    return used


def logged_out_refresh_token(scene: Scene) -> str:
    """The newest refresh token of a session that has ended."""
    token = scene.signed_in["access_token"]
    assert scene.service.request("POST", "/logout?scope=local", token=token).status_code == 204
    refresh_token: str = scene.signed_in["refresh_token"]
    return refresh_token


def updated_metadata(scene: Scene) -> None:
    """Metadata as an earlier recorded request left it."""
    body = {"data": {"name": "Ann2", "x": 1}}
    scene.service.request("PUT", "/user", token=scene.signed_in["access_token"], body=body)


def second_token(scene: Scene) -> str:
    """A refresh token that has one ancestor."""
    token: str = scene.service.refresh(scene.signed_in["refresh_token"]).json()["refresh_token"]
    return token


def address_of_the_other_user(scene: Scene) -> str:
    """The address of the user whom the administrator has made."""
    answer = scene.service.request("GET", f"/admin/users/{scene.other_user}", token=SERVICE_TOKEN)
    address: str = answer.json()["email"]
    return address


def banned_address(scene: Scene) -> str:
    """The address of the other user, who is banned."""
    scene.service.request(
        "PUT",
        f"/admin/users/{scene.other_user}",
        token=SERVICE_TOKEN,
        body={"ban_duration": "24h"},
    )
    return address_of_the_other_user(scene)


def unconfirmed_address(scene: Scene) -> str:
    """The address of a user who has not confirmed it."""
    address = new_email()
    scene.service.request(
        "POST",
        "/admin/users",
        token=SERVICE_TOKEN,
        body={"email": address, "password": "password-1"},
    )
    return address


# What takes the place of a recorded value in the request, by the entry's name and the body's key.
REPLACED_VALUES: dict[str, dict[str, Callable[[Scene], str]]] = {
    "signup autoconfirm": {"email": lambda _scene: new_email()},
    "signup duplicate": {"email": lambda scene: scene.email},
    "token password": {"email": lambda scene: scene.email},
    "token wrong password": {"email": lambda scene: scene.email},
    "token refresh": {"refresh_token": lambda scene: scene.signed_in["refresh_token"]},
    "token refresh reuse within interval": {"refresh_token": used_refresh_token},
    "refresh after logout": {"refresh_token": logged_out_refresh_token},
    "admin create user": {"email": lambda _scene: new_email()},
    "admin create duplicate": {"email": address_of_the_other_user},
    "token banned": {"email": banned_address},
    "token new api version error": {"email": lambda scene: scene.email},
    "token unconfirmed": {"email": unconfirmed_address},
    "token after confirm": {"email": lambda scene: scene.email},
    "token for reuse": {"email": lambda scene: scene.email},
    "refresh 1": {"refresh_token": lambda scene: scene.signed_in["refresh_token"]},
    "refresh 2": {"refresh_token": second_token},
}
REPLACED_TOKENS: dict[str, Callable[[Scene], str]] = {"user get expired": expired_token}
PREPARATIONS: dict[str, Callable[[Scene], object]] = {
    "user after logout": logged_out_refresh_token,
    "user update password": updated_metadata,
}
SENT_AFTER_THE_INTERVAL = {
    "refresh reuse of old token revokes the family",
    "refresh newest after reuse",
}
RECORDED_USER_IN_PATH = re.compile(r"(?<=/admin/users/)(?!0{8})[0-9a-f-]{36}")


def send(scene: Scene, entry: dict[str, Any]) -> httpx.Response:
    """Send a recorded request with the values of this run."""
    request, name = entry["request"], entry["name"]
    body = request["body"]
    if name in REPLACED_VALUES:
        body = {**body, **{key: value(scene) for key, value in REPLACED_VALUES[name].items()}}
    if name in PREPARATIONS:
        PREPARATIONS[name](scene)
    token = (
        REPLACED_TOKENS[name](scene) if name in REPLACED_TOKENS else scene.token(request["auth"])
    )
    path = RECORDED_USER_IN_PATH.sub(scene.other_user, request["path"])
    return scene.service.request(
        request["method"], path, body=body, token=token, headers=request.get("headers")
    )


def shape(value: Any) -> Any:
    """Keys and types of a JSON value; a list is described by its first member."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value[:1]]
    return type(value).__name__


def recorded_shape(entry: dict[str, Any]) -> Any:
    """Shape of the recorded body, without keys that only mail and links leave behind."""
    recorded = shape(entry["response"]["body"])
    for user in (recorded, recorded.get("user", {})) if isinstance(recorded, dict) else ():
        for name in MAIL_LEFTOVERS:
            user.pop(name, None)
    if isinstance(recorded, dict) and "user" in recorded and entry["name"] in NAMELESS:
        recorded["user"]["user_metadata"]["name"] = "str"
        recorded["user"]["identities"][0]["identity_data"]["name"] = "str"
    return recorded


MAIL_LEFTOVERS = (
    "confirmation_sent_at",
    "recovery_sent_at",
    "new_email",
    "email_change_sent_at",
)
# The user of the mode "confirm" signed up without a name.
NAMELESS = {"token after confirm", "token for reuse", "refresh 1", "refresh 2"}


def body_of(answer: httpx.Response) -> Any:
    """JSON body, or text when it is not JSON."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.json() if is_json else answer.text


def is_error(entry: dict[str, Any]) -> bool:
    return bool(entry["response"]["status"] >= 400)


# What these lists hold depends on the run: their members are compared one by one below.
COMPARED_BY_MEMBER = {"jwks", "admin list users"}
NOW = [
    *entries("auto-confirm", later=False),
    *(
        parameter
        for parameter in entries("confirm", later=False)
        if parameter.id not in SENT_AFTER_THE_INTERVAL
    ),
]


@pytest.mark.parametrize(
    "entry",
    [one for one in NOW if not is_error(one.values[0]) and one.id not in COMPARED_BY_MEMBER],
)
def test_answer_has_the_recorded_status_keys_and_types(scene: Scene, entry: dict[str, Any]) -> None:
    answer = send(scene, entry)

    assert (answer.status_code, shape(body_of(answer))) == (
        entry["response"]["status"],
        recorded_shape(entry),
    )


@pytest.mark.parametrize("entry", [one for one in NOW if is_error(one.values[0])])
def test_error_is_the_recorded_one(scene: Scene, entry: dict[str, Any]) -> None:
    answer = send(scene, entry)

    assert (answer.status_code, body_of(answer)) == (
        entry["response"]["status"],
        entry["response"]["body"],
    )


@pytest.mark.parametrize("entry", [one for one in NOW if "headers" in one.values[0]["response"]])
def test_headers_are_the_recorded_ones(scene: Scene, entry: dict[str, Any]) -> None:
    recorded = {name.lower() for name in entry["response"]["headers"]}

    assert recorded <= set(send(scene, entry).headers)


@pytest.mark.parametrize(
    "entry", [*entries("auto-confirm", later=True), *entries("confirm", later=True)]
)
def test_what_is_not_offered_yet_answers_404_in_gotrues_form(
    scene: Scene, entry: dict[str, Any]
) -> None:
    answer = send(scene, entry)

    assert (answer.status_code, set(answer.json())) == (404, {"code", "error_code", "msg"})


@pytest.mark.parametrize("mode", ["auto-confirm", "confirm"])
def test_every_name_in_the_tables_is_recorded(mode: str) -> None:
    assert LATER[mode] | set(UNREACHABLE[mode]) <= {entry["name"] for entry in RECORDING[mode]}


def test_settings_have_the_recorded_values(service: AuthService) -> None:
    recorded = next(one for one in RECORDING["auto-confirm"] if one["name"] == "settings")

    assert service.request("GET", "/settings").json() == recorded["response"]["body"]


def test_public_keys_verify_and_hold_no_private_part(service: AuthService) -> None:
    members = [set(key) for key in service.request("GET", "/.well-known/jwks.json").json()["keys"]]

    assert members == [{"kty", "crv", "x", "y", "kid", "alg", "use", "key_ops"}] * 2


def test_public_keys_may_be_kept_for_ten_minutes(service: AuthService) -> None:
    answer = service.request("GET", "/.well-known/jwks.json")

    assert answer.headers["cache-control"] == "public, max-age=600"


def recorded_claims() -> dict[str, Any]:
    name = "access token claims (decoded)"
    entry = next(one for one in RECORDING["auto-confirm"] if one["name"] == name)
    claims: dict[str, Any] = entry["claims"]
    return claims


def test_access_token_has_the_recorded_claims(scene: Scene) -> None:
    claims = jwt.decode(scene.signed_up["access_token"], options={"verify_signature": False})

    assert shape(claims) == shape(recorded_claims())


@pytest.mark.parametrize(
    "name", ["aud", "role", "aal", "phone", "app_metadata", "is_anonymous", "iss"]
)
def test_access_token_has_the_recorded_value(scene: Scene, name: str) -> None:
    claims = jwt.decode(scene.signed_up["access_token"], options={"verify_signature": False})

    assert claims[name] == recorded_claims()[name]


def test_access_token_is_signed_by_the_current_key(scene: Scene) -> None:
    header = jwt.get_unverified_header(scene.signed_up["access_token"])

    assert header == {"alg": "ES256", "kid": CURRENT_KEY.identifier, "typ": "JWT"}


def test_access_token_verifies_with_the_published_key(scene: Scene) -> None:
    published = scene.service.request("GET", "/.well-known/jwks.json").json()["keys"][0]

    claims = jwt.decode(
        scene.signed_up["access_token"],
        jwt.PyJWK(published).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=ISSUER,
    )

    assert claims["sub"] == scene.signed_up["user"]["id"]


def test_users_in_a_list_have_the_recorded_keys(scene: Scene) -> None:
    recorded = next(one for one in RECORDING["auto-confirm"] if one["name"] == "admin list users")
    expected = shape(recorded["response"]["body"]["users"][0])

    body = scene.service.request("GET", "/admin/users?per_page=50", token=SERVICE_TOKEN).json()
    created = next(one for one in body["users"] if one["id"] == scene.other_user)

    assert shape(created) == expected


def test_list_names_the_next_and_the_last_page(scene: Scene) -> None:
    answer = scene.service.request("GET", "/admin/users?page=1&per_page=2", token=SERVICE_TOKEN)
    last = -(-int(answer.headers["x-total-count"]) // 2)
    following = min(2, last)

    links = [f'</admin/users?page={last}&per_page=2>; rel="last"']
    if last > 1:
        links.insert(0, f'</admin/users?page={following}&per_page=2>; rel="next"')
    assert answer.headers["link"] == ", ".join(links)


def recorded_body(name: str) -> Any:
    return next(one for one in RECORDING["confirm"] if one["name"] == name)["response"]["body"]


def test_reuse_of_an_old_refresh_token_beyond_the_interval_is_refused_as_recorded(
    strict_service: AuthService,
) -> None:
    first = strict_service.sign_up()["refresh_token"]
    strict_service.refresh(strict_service.refresh(first).json()["refresh_token"])

    answer = strict_service.refresh(first)

    assert answer.json() == recorded_body("refresh reuse of old token revokes the family")


def test_reuse_of_an_old_refresh_token_beyond_the_interval_revokes_the_newest_as_recorded(
    strict_service: AuthService,
) -> None:
    first = strict_service.sign_up()["refresh_token"]
    second = strict_service.refresh(first).json()["refresh_token"]
    newest = strict_service.refresh(second).json()["refresh_token"]
    strict_service.refresh(first)

    answer = strict_service.refresh(newest)

    assert answer.json() == recorded_body("refresh newest after reuse")


def test_ids_are_uuids(scene: Scene) -> None:
    assert uuid.UUID(scene.signed_up["user"]["id"]).version == 4
