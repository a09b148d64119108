"""The conversation with an ACME directory, by certbot's library."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import requests
from acme import challenges as acme_challenges
from acme import client, crypto_util, errors, messages
from josepy.errors import Error as JoseError
from josepy.jwa import ES256

from services.certificates.account import AccountFolder, Registration
from services.certificates.pair import Pair, new_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from josepy.jwk import JWKEC

    from services.certificates.challenges import Challenges
    from services.certificates.schedule import Failure
    from services.certificates.settings import CertificatesSettings

USER_AGENT = "plinth-certificates"
_REQUEST_SECONDS = 20
_ORDER_SECONDS = 120


class DirectoryError(Exception):
    """No certificate was issued; the message is one line for the operator, without a secret."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(" ".join(message.split()))
        self.failure: Failure = failure


@dataclass(frozen=True)
class Directory:
    """A directory, and the account at it."""

    settings: CertificatesSettings
    challenges: Challenges

    def order(self, names: Sequence[str]) -> Pair:
        """Obtain a certificate for a new key; blocks until it is issued.

        Raises:
            DirectoryError: It is not issued.
        """
        account_key, known = self._account.key(), self._account.registration()
        with self._failures_told():
            acme = self._client(account_key)
            self._sign_in(acme, known)
            _, key = new_key()
            order = acme.new_order(crypto_util.make_csr(key.encode(), list(names)))
            try:
                for authorization in order.authorizations:
                    self._prove(acme, authorization)
                # The library compares it with local times.
                deadline = datetime.now() + timedelta(seconds=_ORDER_SECONDS)  # noqa: DTZ005
                issued = acme.poll_and_finalize(order, deadline)
            finally:
                self.challenges.withdraw()
            return Pair(issued.fullchain_pem, key, self.settings.directory_url)

    def suggested_renewal(self, pair: Pair) -> datetime | None:
        """When the directory wants a certificate of its own renewed; None where it does not say.

        Raises:
            DirectoryError: It does not answer.
        """
        account_key = self._account.key()
        with self._failures_told():
            return self._client(account_key).renewal_time(pair.chain.encode())[0]

    @property
    def _account(self) -> AccountFolder:
        return AccountFolder.of(self.settings.account_folder, self.settings.directory_url)

    def _client(self, key: JWKEC) -> client.ClientV2:
        network = client.ClientNetwork(
            key,
            alg=ES256,
            # The library hands it to requests, which takes a file as well.
            verify_ssl=str(self.settings.authority_file),  # type: ignore[arg-type]
            user_agent=USER_AGENT,
            timeout=_REQUEST_SECONDS,
        )
        return client.ClientV2(
            client.ClientV2.get_directory(self.settings.directory_url, network), network
        )

    def _sign_in(self, acme: client.ClientV2, known: Registration | None) -> None:
        """Let the client act for the account, which is made where the directory has none."""
        email = self.settings.email
        if known is None:
            url = self._register(acme)
            self._account.write_registration(Registration(url, email))
        elif known.email != email:
            contact = messages.Registration.from_data(email=email or None, contact=())
            acme.update_registration(_resource(known.url), contact)
            self._account.write_registration(Registration(known.url, email))
        else:
            acme.net.account = _resource(known.url)

    def _register(self, acme: client.ClientV2) -> str:
        """Make the account; its URL."""
        settings, binding = self.settings, None
        if settings.external_account_id:
            binding = messages.ExternalAccountBinding.from_data(
                acme.net.key.public_key(),  # type: ignore[union-attr]  # it was made with one
                settings.external_account_id,
                settings.external_account_key.get_secret_value(),
                acme.directory,
            )
        account = messages.NewRegistration.from_data(
            email=settings.email or None,
            terms_of_service_agreed=True,
            external_account_binding=binding,
        )
        try:
            return str(acme.new_account(account).uri)
        except errors.ConflictError as conflict:  # it was made, and the answer got lost
            acme.net.account = _resource(conflict.location)
            return conflict.location

    def _prove(self, acme: client.ClientV2, authorization: messages.AuthorizationResource) -> None:
        """Let the directory see that a name leads here."""
        if authorization.body.status == messages.STATUS_VALID:
            return
        name = authorization.body.identifier.value
        for challenge in authorization.body.challenges:
            if isinstance(challenge.chall, acme_challenges.HTTP01):
                response, answer = challenge.response_and_validation(acme.net.key)
                self.challenges.offer(challenge.chall.encode("token"), answer)
                acme.answer_challenge(challenge, response)
                return
        raise DirectoryError("refused", f"the directory offers no http-01 challenge for {name}")

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Raise a `DirectoryError` for what the library raises."""
        try:
            yield
        except requests.exceptions.SSLError as error:
            raise DirectoryError(
                "unreachable",
                f"{self.settings.directory_url}: its certificate is not trusted; set "
                "gateway.tls.acme.ca_certificate for a private directory",
            ) from error
        except requests.RequestException as error:
            raise DirectoryError(
                "unreachable",
                f"{self.settings.directory_url} does not answer ({type(error).__name__})",
            ) from error
        except messages.Error as error:
            if error.code == "accountDoesNotExist":
                # A directory that lost its accounts, as one for tests does at each start.
                self._account.forget_registration()
                raise DirectoryError("unreachable", "the account is gone; making one") from error
            raise DirectoryError(
                "limited" if error.code == "rateLimited" else "refused", _told(error)
            ) from error
        except errors.ValidationError as error:
            raise DirectoryError(
                "refused",
                "; ".join(
                    f"{authorization.body.identifier.value}: {_told(challenge.error)}"
                    for authorization in error.failed_authzrs
                    for challenge in authorization.body.challenges
                    if challenge.error is not None
                ),
            ) from error
        except errors.IssuanceError as error:
            raise DirectoryError("refused", _told(error.error)) from error
        except errors.TimeoutError as error:
            raise DirectoryError(
                "unreachable", f"the order was not done within {_ORDER_SECONDS} s"
            ) from error
        except (errors.Error, JoseError, ValueError, KeyError) as error:
            raise DirectoryError(
                "refused",
                f"{self.settings.directory_url} is no ACME directory, or answers as none would "
                f"({type(error).__name__})",
            ) from error


def _resource(url: str) -> messages.RegistrationResource:
    return messages.RegistrationResource(body=messages.Registration(), uri=url)


def _told(error: messages.Error) -> str:
    """What a problem document says."""
    parts = [error, *(error.subproblems or ())]
    return "; ".join(f"{part.code or part.typ}: {part.detail or part.title}" for part in parts)
