"""Every recorded answer of GoTrue v2.196.

The recording is a sequence: later requests use what earlier ones made. A test therefore prepares
the state that its request needs, sends the recorded request with the values of this run in it, and
compares status, headers, error codes, messages, and the keys and types of the body. Mails that were
recorded are compared with the ones that arrive.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import re
import secrets
import uuid
from dataclasses import dataclass, field
from email.utils import parseaddr
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pyotp
import pytest

from tests.service.auth.service import (
    ANON_TOKEN,
    CURRENT_KEY,
    ISSUER,
    PASSWORD,
    SERVICE_TOKEN,
    AuthService,
    new_email,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.service.auth.mailbox import Mail, Mailbox

pytestmark = pytest.mark.engine

CONTRACT = Path(__file__).resolve().parents[4] / "shared" / "contracts" / "auth-gotrue.json"
RECORDING: dict[str, list[dict[str, Any]]] = json.loads(CONTRACT.read_text())

# Entries that record no request: each has a test of its own below.
WITHOUT_REQUEST = {"access token claims (decoded)", "aal2 claims", "mail"}
# What these lists hold depends on the run: their members are compared one by one below.
COMPARED_BY_MEMBER = {"jwks", "admin list users"}
# They need a service that lets no refresh token be used twice, and have tests of their own below.
SENT_AFTER_THE_INTERVAL = {
    "refresh reuse of old token revokes the family",
    "refresh newest after reuse",
}


def entries(mode: str) -> list[Any]:
    """Recorded requests of a mode, as parameters of a test."""
    return [
        pytest.param(mode, entry, id=f"{mode}-{entry['name']}")
        for entry in RECORDING[mode]
        if entry["name"] not in WITHOUT_REQUEST | COMPARED_BY_MEMBER | SENT_AFTER_THE_INTERVAL
    ]


def recorded(mode: str, name: str) -> dict[str, Any]:
    """The first entry of this name."""
    return next(entry for entry in RECORDING[mode] if entry["name"] == name)


@dataclass
class Scene:
    """What a recorded request refers to, as it is in this run."""

    service: AuthService
    mailbox: Mailbox
    email: str
    signed_in: dict[str, Any]
    factor: dict[str, Any] = field(default_factory=dict)
    challenge: str = ""
    link_token: str = ""
    verifier: str = ""

    @cached_property
    def other_user(self) -> str:
        """Id of a user whom an administrator has made."""
        body = {
            "email": new_email(),
            "password": PASSWORD,
            "email_confirm": True,
            "user_metadata": {"k": 1},
            "app_metadata": {"plan": "pro"},
        }
        created: str = self.administer("POST", "/admin/users", **body)["id"]
        return created

    def request(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Send a request as the user."""
        token = self.signed_in["access_token"]
        answer = self.service.request(method, path, body=body, token=token)
        assert answer.status_code < 400, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def administer(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Send a request as an administrator."""
        answer = self.service.request(method, path, body=body, token=SERVICE_TOKEN)
        assert answer.status_code < 400, answer.text
        content: dict[str, Any] = answer.json()
        return content

    def mailed(self, path: str, *, email: str = "", **body: Any) -> Mail:
        """Send a request that somebody who is not signed in makes, and wait for its mail."""
        address = email or self.email
        expected = len(self.mailbox.to(address)) + 1
        answer = self.service.request("POST", path, body={"email": address, **body})
        assert answer.status_code == 200, answer.text
        return self.mailbox.newest(address, number=expected)

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


def auto_confirm_scene(service: AuthService, mailbox: Mailbox) -> Scene:
    """A user who has signed up."""
    email = new_email()
    body = {"email": email, "password": PASSWORD, "data": {"name": "Ann"}}
    return Scene(service, mailbox, email, service.request("POST", "/signup", body=body).json())


def confirm_scene(service: AuthService, mailbox: Mailbox) -> Scene:
    """A user who has signed up without a name and confirmed the address."""
    email = service.register(mailbox)
    return Scene(service, mailbox, email, service.confirm(mailbox, email))


SCENES = {"auto-confirm": auto_confirm_scene, "confirm": confirm_scene}


@pytest.fixture
def services(service: AuthService, confirming_service: AuthService) -> dict[str, AuthService]:
    """Service by the mode that a recorded entry belongs to."""
    return {"auto-confirm": service, "confirm": confirming_service}


@pytest.fixture
def scene(services: dict[str, AuthService], mailbox: Mailbox, mode: str) -> Scene:
    """What a recorded request of the mode refers to."""
    return SCENES[mode](services[mode], mailbox)


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


def mail_leftovers(scene: Scene) -> None:
    """A user who has asked for every kind of mail, as the recorded one had."""
    scene.mailed("/recover")
    scene.request("PUT", "/user", email=new_email())


def reauthenticated(scene: Scene) -> None:
    """Metadata and times as earlier recorded requests left them."""
    updated_metadata(scene)
    scene.service.request("GET", "/reauthenticate", token=scene.signed_in["access_token"])


def enrolled(scene: Scene) -> None:
    """A second factor that is not verified yet."""
    scene.factor = scene.request("POST", "/factors", factor_type="totp", friendly_name="phone")


def challenged(scene: Scene) -> None:
    """A second factor and a challenge."""
    reauthenticated(scene)
    enrolled(scene)
    scene.challenge = scene.request("POST", f"/factors/{scene.factor['id']}/challenge")["id"]


def current_code(scene: Scene) -> str:
    """What the user's authenticator shows."""
    return pyotp.TOTP(scene.factor["totp"]["secret"]).now()


def with_second_factor(scene: Scene) -> None:
    """A session that has shown a second factor."""
    challenged(scene)
    path = f"/factors/{scene.factor['id']}/verify"
    code = current_code(scene)
    scene.signed_in = scene.request("POST", path, challenge_id=scene.challenge, code=code)


def recovery_requested(scene: Scene) -> None:
    """A link for the user, made a moment ago."""
    scene.administer("POST", "/admin/generate_link", type="recovery", email=scene.email)


def recovery_requested_twice(scene: Scene) -> None:
    """Two entries in the audit log."""
    recovery_requested(scene)
    recovery_requested(scene)


def sign_up_link(scene: Scene) -> None:
    """The link of a sign-up that has yet to be confirmed."""
    scene.link_token = scene.mailbox.newest(scene.service.register(scene.mailbox)).token


def used_sign_up_link(scene: Scene) -> None:
    """The link of a sign-up that has been confirmed."""
    scene.link_token = scene.mailbox.to(scene.email)[0].token


def recovery_link(scene: Scene) -> None:
    scene.link_token = scene.mailed("/recover").token


def email_change_link(scene: Scene) -> None:
    """The link that the new address was sent."""
    address = new_email()
    scene.request("PUT", "/user", email=address)
    scene.link_token = scene.mailbox.newest(address).token


def pkce_link(scene: Scene) -> None:
    """The link of a sign-in with PKCE."""
    scene.verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(scene.verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    mail = scene.mailed("/otp", code_challenge=challenge, code_challenge_method="s256")
    scene.link_token = mail.token


def pkce_code(scene: Scene) -> str:
    """The code that the link of a sign-in with PKCE hands out."""
    pkce_link(scene)
    path = f"/verify?token={scene.link_token}&type=magiclink"
    location = scene.service.request("GET", path).headers["location"]
    return parse_qs(urlsplit(location).query)["code"][0]


def registered_by_code(scene: Scene) -> str:
    """The link token of an address that `/otp` has registered."""
    return scene.mailed("/otp", email=new_email(), create_user=True).token


Values = dict[str, "Callable[[Scene], str]"]
OWN_ADDRESS: Values = {"email": lambda scene: scene.email}
FRESH_ADDRESS: Values = {"email": lambda _scene: new_email()}
# What takes the place of a recorded value in the request, by the entry's name and the body's key.
REPLACED_VALUES: dict[str, dict[str, Values]] = {
    "auto-confirm": {
        "signup autoconfirm": FRESH_ADDRESS,
        "signup duplicate": OWN_ADDRESS,
        "token password": OWN_ADDRESS,
        "token wrong password": OWN_ADDRESS,
        "token refresh": {"refresh_token": lambda scene: scene.signed_in["refresh_token"]},
        "token refresh reuse within interval": {"refresh_token": used_refresh_token},
        "refresh after logout": {"refresh_token": logged_out_refresh_token},
        "mfa verify wrong": {"challenge_id": lambda scene: scene.challenge},
        "mfa verify": {"challenge_id": lambda scene: scene.challenge, "code": current_code},
        "admin create user": FRESH_ADDRESS,
        "admin create duplicate": {"email": address_of_the_other_user},
        "admin generate link recovery": OWN_ADDRESS,
        "admin generate link magiclink": OWN_ADDRESS,
        "admin generate link signup": FRESH_ADDRESS,
        "invite": FRESH_ADDRESS,
        "recover": OWN_ADDRESS,
        "recover unknown": FRESH_ADDRESS,
        "otp": OWN_ADDRESS,
        "magiclink": OWN_ADDRESS,
        "token banned": {"email": banned_address},
        "token new api version error": OWN_ADDRESS,
    },
    "confirm": {
        "signup needs confirmation": FRESH_ADDRESS,
        "token unconfirmed": {"email": lambda scene: scene.service.register(scene.mailbox)},
        "resend signup": {"email": lambda scene: scene.service.register(scene.mailbox)},
        "signup duplicate confirmed is obfuscated": OWN_ADDRESS,
        "token after confirm": OWN_ADDRESS,
        "recover": OWN_ADDRESS,
        "otp": OWN_ADDRESS,
        "verify otp wrong": OWN_ADDRESS,
        "verify token_hash": {"token_hash": lambda scene: scene.mailed("/otp").token},
        "otp creates user": FRESH_ADDRESS,
        "verify signup via token_hash": {"token_hash": registered_by_code},
        "otp pkce": OWN_ADDRESS,
        "token pkce wrong verifier": {"auth_code": pkce_code},
        "token pkce": {"auth_code": pkce_code, "code_verifier": lambda scene: scene.verifier},
        "change email": FRESH_ADDRESS,
        "token for reuse": OWN_ADDRESS,
        "refresh 1": {"refresh_token": lambda scene: scene.signed_in["refresh_token"]},
        "refresh 2": {"refresh_token": second_token},
    },
}
REPLACED_TOKENS: dict[str, Callable[[Scene], str]] = {"user get expired": expired_token}
PREPARATIONS: dict[str, dict[str, Callable[[Scene], object]]] = {
    "auto-confirm": {
        "user after logout": logged_out_refresh_token,
        "user update password": updated_metadata,
        "mfa challenge": enrolled,
        "mfa verify wrong": challenged,
        "mfa verify": challenged,
        "user with factor": with_second_factor,
        "mfa unenroll": with_second_factor,
        "admin generate link recovery": reauthenticated,
        "admin generate link magiclink": reauthenticated,
        "admin audit": recovery_requested_twice,
        "recover": recovery_requested,
    },
    "confirm": {
        "verify link signup": sign_up_link,
        "verify link reused": used_sign_up_link,
        "verify link recovery": recovery_link,
        "verify token_hash": lambda scene: scene.mailed("/recover"),
        "verify link pkce": pkce_link,
        "token pkce": lambda scene: scene.mailed("/recover"),
        "change email": lambda scene: scene.mailed("/recover"),
        "verify link email_change": email_change_link,
        "token for reuse": mail_leftovers,
        "refresh 1": mail_leftovers,
        "refresh 2": mail_leftovers,
    },
}
RECORDED_USER_IN_PATH = re.compile(r"(?<=/admin/users/)(?!0{8})[0-9a-f-]{36}")
RECORDED_FACTOR_IN_PATH = re.compile(r"(?<=/factors/)[0-9a-f-]{36}")
RECORDED_TOKEN_IN_PATH = re.compile(r"(?<=token=)(?:pkce_)?[0-9a-f]{56}")


def send(scene: Scene, mode: str, entry: dict[str, Any]) -> httpx.Response:
    """Send a recorded request with the values of this run."""
    request, name = entry["request"], entry["name"]
    if name in PREPARATIONS[mode]:
        PREPARATIONS[mode][name](scene)
    body = request["body"]
    if name in REPLACED_VALUES[mode]:
        values = {key: value(scene) for key, value in REPLACED_VALUES[mode][name].items()}
        body = {**body, **values}
    token = (
        REPLACED_TOKENS[name](scene) if name in REPLACED_TOKENS else scene.token(request["auth"])
    )
    path = RECORDED_USER_IN_PATH.sub(lambda _match: scene.other_user, request["path"])
    path = RECORDED_FACTOR_IN_PATH.sub(scene.factor.get("id", ""), path)
    path = RECORDED_TOKEN_IN_PATH.sub(scene.link_token, path)
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


# Values in a text or an address that differ from run to run.
OF_THIS_RUN = {
    r"access_token=[^&]+": "access_token=<jwt>",
    r"refresh_token=[a-z2-7]{12,}": "refresh_token=<token>",
    r"expires_at=\d+": "expires_at=<time>",
    r"code=[0-9a-f-]{36}": "code=<uuid>",
    r"token=(pkce_)?[0-9a-f]{56}": r"token=\1<digits>",
    r"[a-z0-9-]+@example.com": "<address>",
}


def without_values_of_this_run(text: str) -> str:
    """The text with names in place of what differs from run to run."""
    for pattern, name in OF_THIS_RUN.items():
        text = re.sub(pattern, name, text)
    return " ".join(text.split())


def comparable(body: Any) -> Any:
    """What two answers to the same request must have in common."""
    return without_values_of_this_run(body) if isinstance(body, str) else shape(body)


def body_of(answer: httpx.Response) -> Any:
    """JSON body, or text when it is not JSON."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.json() if is_json else answer.text


def is_error(parameter: Any) -> bool:
    return bool(parameter.values[1]["response"]["status"] >= 400)


ENTRIES = [*entries("auto-confirm"), *entries("confirm")]


@pytest.mark.parametrize(("mode", "entry"), [one for one in ENTRIES if not is_error(one)])
def test_answer_has_the_recorded_status_keys_and_types(
    scene: Scene, mode: str, entry: dict[str, Any]
) -> None:
    answer = send(scene, mode, entry)

    assert (answer.status_code, comparable(body_of(answer))) == (
        entry["response"]["status"],
        comparable(entry["response"]["body"]),
    )


@pytest.mark.parametrize(("mode", "entry"), [one for one in ENTRIES if is_error(one)])
def test_error_is_the_recorded_one(scene: Scene, mode: str, entry: dict[str, Any]) -> None:
    answer = send(scene, mode, entry)

    assert (answer.status_code, body_of(answer)) == (
        entry["response"]["status"],
        entry["response"]["body"],
    )


@pytest.mark.parametrize(
    ("mode", "entry"), [one for one in ENTRIES if "headers" in one.values[1]["response"]]
)
def test_headers_are_the_recorded_ones(scene: Scene, mode: str, entry: dict[str, Any]) -> None:
    headers = {name.lower() for name in entry["response"]["headers"]}

    assert headers <= set(send(scene, mode, entry).headers)


@pytest.mark.parametrize(
    ("mode", "entry"),
    [one for one in ENTRIES if "Location" in one.values[1]["response"].get("headers", {})],
)
def test_redirects_lead_where_the_recorded_ones_do(
    scene: Scene, mode: str, entry: dict[str, Any]
) -> None:
    location = send(scene, mode, entry).headers["location"]

    assert without_values_of_this_run(location) == without_values_of_this_run(
        entry["response"]["headers"]["Location"]
    )


def changed_address_mail(scene: Scene) -> Mail:
    """The mail that asks a new address to confirm the change."""
    address = new_email()
    scene.request("PUT", "/user", email=address)
    return scene.mailbox.newest(address)


def pkce_mail(scene: Scene) -> Mail:
    """The mail of a sign-in with PKCE."""
    pkce_link(scene)
    return scene.mailbox.newest(scene.email)


MAILS: dict[str, Callable[[Scene], Mail]] = {
    "sign-up": lambda scene: scene.mailbox.newest(scene.service.register(scene.mailbox)),
    "sign-up, sent again": lambda scene: scene.mailed(
        "/resend", email=scene.service.register(scene.mailbox), type="signup"
    ),
    "recovery": lambda scene: scene.mailed("/recover?redirect_to=http://localhost:3000/reset"),
    "one-time code": lambda scene: scene.mailed("/otp"),
    "one-time code of a new address": lambda scene: scene.mailed("/otp", email=new_email()),
    "one-time code with PKCE": pkce_mail,
    "new address": changed_address_mail,
}
RECORDED_MAILS = [entry for entry in RECORDING["confirm"] if entry["name"] == "mail"]


@pytest.mark.parametrize("mode", ["confirm"])
@pytest.mark.parametrize(
    ("entry", "mail_of"), list(zip(RECORDED_MAILS, MAILS.values(), strict=True)), ids=MAILS
)
def test_mail_says_what_the_recorded_one_says(
    scene: Scene, entry: dict[str, Any], mail_of: Callable[[Scene], Mail]
) -> None:
    mail = mail_of(scene)

    assert {
        "subject": mail.subject,
        "link": without_values_of_this_run(mail.link),
        "html": without_values_of_this_run(mail.html),
    } == {
        "subject": entry["subject"],
        "link": without_values_of_this_run(entry["link"]),
        "html": without_values_of_this_run(entry["html"]),
    }


@pytest.mark.parametrize("mode", ["confirm"])
def test_mail_comes_from_the_recorded_sender(scene: Scene) -> None:
    sender = parseaddr(str(scene.mailed("/recover").message["from"]))

    assert sender == parseaddr(RECORDED_MAILS[0]["from"])


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_second_factor_gives_the_recorded_claims(scene: Scene) -> None:
    with_second_factor(scene)
    claims = jwt.decode(scene.signed_in["access_token"], options={"verify_signature": False})

    assert shape(claims) == shape(recorded("auto-confirm", "aal2 claims")["claims"])


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_second_factor_raises_the_assurance_level(scene: Scene) -> None:
    with_second_factor(scene)
    claims = jwt.decode(scene.signed_in["access_token"], options={"verify_signature": False})

    assert (claims["aal"], {one["method"] for one in claims["amr"]}) == (
        "aal2",
        {"password", "totp"},
    )


def test_settings_have_the_recorded_values(service: AuthService) -> None:
    expected = recorded("auto-confirm", "settings")["response"]["body"]

    assert service.request("GET", "/settings").json() == expected


def test_public_keys_verify_and_hold_no_private_part(service: AuthService) -> None:
    members = [set(key) for key in service.request("GET", "/.well-known/jwks.json").json()["keys"]]

    assert members == [{"kty", "crv", "x", "y", "kid", "alg", "use", "key_ops"}] * 2


def test_public_keys_may_be_kept_for_ten_minutes(service: AuthService) -> None:
    answer = service.request("GET", "/.well-known/jwks.json")

    assert answer.headers["cache-control"] == "public, max-age=600"


RECORDED_CLAIMS: dict[str, Any] = recorded("auto-confirm", "access token claims (decoded)")[
    "claims"
]


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_access_token_has_the_recorded_claims(scene: Scene) -> None:
    claims = jwt.decode(scene.signed_in["access_token"], options={"verify_signature": False})

    assert shape(claims) == shape(RECORDED_CLAIMS)


@pytest.mark.parametrize(
    "name", ["aud", "role", "aal", "phone", "app_metadata", "is_anonymous", "iss"]
)
@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_access_token_has_the_recorded_value(scene: Scene, name: str) -> None:
    claims = jwt.decode(scene.signed_in["access_token"], options={"verify_signature": False})

    assert claims[name] == RECORDED_CLAIMS[name]


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_access_token_is_signed_by_the_current_key(scene: Scene) -> None:
    header = jwt.get_unverified_header(scene.signed_in["access_token"])

    assert header == {"alg": "ES256", "kid": CURRENT_KEY.identifier, "typ": "JWT"}


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_access_token_verifies_with_the_published_key(scene: Scene) -> None:
    published = scene.service.request("GET", "/.well-known/jwks.json").json()["keys"][0]

    claims = jwt.decode(
        scene.signed_in["access_token"],
        jwt.PyJWK(published).key,
        algorithms=["ES256"],
        audience="authenticated",
        issuer=ISSUER,
    )

    assert claims["sub"] == scene.signed_in["user"]["id"]


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_users_in_a_list_have_the_recorded_keys(scene: Scene) -> None:
    listed = recorded("auto-confirm", "admin list users")["response"]["body"]["users"]
    expected = shape(listed[0])

    created_id = scene.other_user
    body = scene.service.request("GET", "/admin/users?per_page=50", token=SERVICE_TOKEN).json()
    created = next(one for one in body["users"] if one["id"] == created_id)

    assert shape(created) == expected


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_list_names_the_next_and_the_last_page(scene: Scene) -> None:
    answer = scene.service.request("GET", "/admin/users?page=1&per_page=2", token=SERVICE_TOKEN)
    last = -(-int(answer.headers["x-total-count"]) // 2)
    following = min(2, last)

    links = [f'</admin/users?page={last}&per_page=2>; rel="last"']
    if last > 1:
        links.insert(0, f'</admin/users?page={following}&per_page=2>; rel="next"')
    assert answer.headers["link"] == ", ".join(links)


def test_reuse_of_an_old_refresh_token_beyond_the_interval_is_refused_as_recorded(
    strict_service: AuthService,
) -> None:
    first = strict_service.sign_up()["refresh_token"]
    strict_service.refresh(strict_service.refresh(first).json()["refresh_token"])

    answer = strict_service.refresh(first)

    expected = recorded("confirm", "refresh reuse of old token revokes the family")
    assert answer.json() == expected["response"]["body"]


def test_reuse_of_an_old_refresh_token_beyond_the_interval_revokes_the_newest_as_recorded(
    strict_service: AuthService,
) -> None:
    first = strict_service.sign_up()["refresh_token"]
    second = strict_service.refresh(first).json()["refresh_token"]
    newest = strict_service.refresh(second).json()["refresh_token"]
    strict_service.refresh(first)

    answer = strict_service.refresh(newest)

    assert answer.json() == recorded("confirm", "refresh newest after reuse")["response"]["body"]


@pytest.mark.parametrize("mode", ["auto-confirm"])
def test_ids_are_uuids(scene: Scene) -> None:
    assert uuid.UUID(scene.signed_in["user"]["id"]).version == 4
