"""Mails through the whole stack: asked for at the gateway, caught by the sink, then followed."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
import pytest
from supabase import AuthApiError, Client, ClientOptions, create_client

if TYPE_CHECKING:
    from tests.running_stack import RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

ARRIVES_WITHIN_SECONDS = 20
PASSWORD = secrets.token_urlsafe(16)


@dataclass(frozen=True)
class Sink:
    """The mail sink, and the administrator's view of who was sent something."""

    url: str
    administrator: Client

    def text_of_mail(self, user: str, address: str) -> str:
        """Text part of the mail to a user, once it is there and its token is in the database."""
        deadline = time.monotonic() + ARRIVES_WITHIN_SECONDS
        while time.monotonic() < deadline:
            if self._mails(address) and self._has_been_sent_a_token(user):
                return self.newest_text(address)
            time.sleep(0.2)
        pytest.fail(f"no mail within {ARRIVES_WITHIN_SECONDS} seconds")

    def newest_text(self, address: str) -> str:
        """Text part of the newest mail to an address, which is there already."""
        text: str = self._get(f"message/{self._mails(address)[0]['ID']}")["Text"]
        return text

    def _mails(self, address: str) -> Any:
        return self._get("search", query=f"to:{address}")["messages"]

    def link_of_mail(self, user: str, address: str) -> str:
        """The only link of the mail to a user."""
        (link,) = re.findall(r"https?://\S+", self.text_of_mail(user, address))
        found: str = link
        return found

    def _has_been_sent_a_token(self, identifier: str) -> bool:
        user = self.administrator.auth.admin.get_user_by_id(identifier).user
        return any(
            (
                user.recovery_sent_at,
                user.email_change_sent_at,
                user.confirmation_sent_at,
                user.invited_at,
            )
        )

    def _get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters)
        return answer.raise_for_status().json()


def new_address() -> str:
    """An address that nobody has registered."""
    return f"{secrets.token_hex(8)}@example.com"


def connect(stack: RunningStack, key: str) -> Client:
    """A client with the key of this output. It has no thread that refreshes."""
    options = ClientOptions(auto_refresh_token=False)
    return create_client(stack.outputs["gateway_url"], stack.outputs[key], options)


@pytest.fixture
def sink(stack: RunningStack) -> Sink:
    return Sink(stack.outputs["mail_url"], connect(stack, "secret_key"))


@pytest.fixture
def client(stack: RunningStack) -> Client:
    """A client whose user has just signed up."""
    signed_up = connect(stack, "publishable_key")
    signed_up.auth.sign_up({"email": new_address(), "password": PASSWORD})
    return signed_up


def identity(client: Client) -> tuple[str, str]:
    """Id and address of the client's user."""
    response = client.auth.get_user()
    assert response is not None
    assert response.user.email is not None
    return response.user.id, response.user.email


def test_the_link_of_a_mail_signs_in(client: Client, sink: Sink) -> None:
    user, address = identity(client)
    client.auth.reset_password_for_email(address)  # with PKCE, as the client does by default
    location = httpx.get(sink.link_of_mail(user, address)).headers["location"]
    (code,) = parse_qs(urlsplit(location).query)["code"]

    session = client.auth.exchange_code_for_session(
        {"auth_code": code, "code_verifier": "", "redirect_to": ""}
    )

    assert session.user is not None
    assert session.user.id == user


def test_the_code_of_a_mail_signs_in(stack: RunningStack, client: Client, sink: Sink) -> None:
    user, address = identity(client)
    other = connect(stack, "publishable_key")
    other.auth.sign_in_with_otp({"email": address})
    (code,) = re.findall(r"\b\d{6}\b", sink.text_of_mail(user, address))

    session = other.auth.verify_otp({"type": "email", "email": address, "token": code})

    assert session.user is not None
    assert session.user.id == user


def test_a_code_is_refused_the_second_time(stack: RunningStack, client: Client, sink: Sink) -> None:
    user, address = identity(client)
    other = connect(stack, "publishable_key")
    other.auth.sign_in_with_otp({"email": address})
    (code,) = re.findall(r"\b\d{6}\b", sink.text_of_mail(user, address))
    other.auth.verify_otp({"type": "email", "email": address, "token": code})
    with pytest.raises(AuthApiError) as refused:
        other.auth.verify_otp({"type": "email", "email": address, "token": code})
    assert refused.value.code == "otp_expired"


def test_a_mail_that_is_sent_again_confirms_the_address(stack: RunningStack, sink: Sink) -> None:
    address = new_address()
    created = sink.administrator.auth.admin.create_user({"email": address, "password": PASSWORD})
    other = connect(stack, "publishable_key")
    other.auth.resend({"type": "signup", "email": address})
    httpx.get(sink.link_of_mail(created.user.id, address))
    session = other.auth.sign_in_with_password({"email": address, "password": PASSWORD})
    assert session.user is not None
    assert session.user.id == created.user.id


def test_both_addresses_confirm_a_change(client: Client, sink: Sink) -> None:
    user, address = identity(client)
    new = new_address()
    client.auth.update_user({"email": new})
    for recipient in (address, new):
        httpx.get(sink.link_of_mail(user, recipient))
    assert identity(client) == (user, new)


def test_one_address_does_not_confirm_a_change(client: Client, sink: Sink) -> None:
    user, address = identity(client)
    new = new_address()
    client.auth.update_user({"email": new})
    httpx.get(sink.link_of_mail(user, new))
    assert identity(client) == (user, address)


def test_the_link_of_an_invitation_signs_in(stack: RunningStack, sink: Sink) -> None:
    address = new_address()
    invited = sink.administrator.auth.admin.invite_user_by_email(address).user
    link = sink.link_of_mail(invited.id, address)
    (token,) = parse_qs(urlsplit(link).query)["token"]
    session = connect(stack, "publishable_key").auth.verify_otp(
        {"type": "invite", "token_hash": token}
    )
    assert session.user is not None
    assert session.user.id == invited.id


def test_a_generated_link_signs_in(stack: RunningStack, client: Client, sink: Sink) -> None:
    user, address = identity(client)
    generated = sink.administrator.auth.admin.generate_link({"type": "magiclink", "email": address})
    session = connect(stack, "publishable_key").auth.verify_otp(
        {"type": "magiclink", "token_hash": generated.properties.hashed_token}
    )
    assert session.user is not None
    assert session.user.id == user


def test_the_code_of_a_reauthentication_confirms_a_new_password(
    stack: RunningStack, client: Client, sink: Sink
) -> None:
    user, address = identity(client)
    client.auth.reauthenticate()
    (code,) = re.findall(r"\b\d{6}\b", sink.newest_text(address))
    client.auth.update_user({"password": f"{PASSWORD}!", "nonce": code})
    session = connect(stack, "publishable_key").auth.sign_in_with_password(
        {"email": address, "password": f"{PASSWORD}!"}
    )
    assert session.user is not None
    assert session.user.id == user


def test_an_anonymous_user_becomes_a_permanent_one(stack: RunningStack) -> None:
    client = connect(stack, "publishable_key")
    anonymous = client.auth.sign_in_anonymously().user
    client.auth.update_user({"email": new_address(), "password": PASSWORD})
    permanent = client.auth.get_user()
    assert anonymous is not None
    assert permanent is not None
    assert (permanent.user.id, permanent.user.is_anonymous) == (anonymous.id, False)


def test_a_user_has_the_identity_of_the_address(client: Client) -> None:
    identities = client.auth.get_user_identities().identities
    assert [one.provider for one in identities] == ["email"]


def test_a_second_factor_is_removed_by_a_session_that_has_shown_it(client: Client) -> None:
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    assert factor.totp is not None
    challenge = client.auth.mfa.challenge({"factor_id": factor.id})
    code = pyotp.TOTP(factor.totp.secret).now()
    client.auth.mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": code})
    client.auth.mfa.unenroll({"factor_id": factor.id})
    assert client.auth.mfa.list_factors().all == []


def test_a_second_factor_raises_the_session(client: Client) -> None:
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    assert factor.totp is not None
    code = pyotp.TOTP(factor.totp.secret).now()
    client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})

    level = client.auth.mfa.get_authenticator_assurance_level()

    assert level.current_level == "aal2"
