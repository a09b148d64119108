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
from supabase import Client, ClientOptions, create_client

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
            found = self._get("search", query=f"to:{address}")["messages"]
            sent = self.administrator.auth.admin.get_user_by_id(user).user.recovery_sent_at
            if found and sent:
                text: str = self._get(f"message/{found[0]['ID']}")["Text"]
                return text
            time.sleep(0.2)
        pytest.fail(f"no mail within {ARRIVES_WITHIN_SECONDS} seconds")

    def _get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters)
        return answer.raise_for_status().json()


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
    email = f"{secrets.token_hex(8)}@example.com"
    signed_up.auth.sign_up({"email": email, "password": PASSWORD})
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
    (link,) = re.findall(r"https?://\S+", sink.text_of_mail(user, address))
    location = httpx.get(link).headers["location"]
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


def test_a_second_factor_raises_the_session(client: Client) -> None:
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone"})
    assert factor.totp is not None
    code = pyotp.TOTP(factor.totp.secret).now()
    client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})

    level = client.auth.mfa.get_authenticator_assurance_level()

    assert level.current_level == "aal2"
