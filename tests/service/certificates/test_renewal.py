"""What happens while the directory does not answer."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from services.certificates.challenges import Challenges
from services.certificates.pair import self_signed
from services.shared.errors import ServiceError
from services.shared.logs import configure_logs
from tests.acme.server import free_port

from .service import NAMES, Service

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def service(tmp_path: Path) -> Service:
    url = f"https://127.0.0.1:{free_port()}/dir"
    return Service(tmp_path, Challenges(), {"PLINTH_ACME_DIRECTORY_URL": url})


def test_gateway_is_shown_a_self_signed_certificate(service: Service) -> None:
    service.look()
    assert (service.shown.origin, service.shown.covers(NAMES)) == ("", True)


def test_gateway_goes_on_with_what_it_has(service: Service) -> None:
    service.look()
    before = service.shown
    service.look()
    assert service.shown == before


def test_certificate_that_is_due_stays_while_it_cannot_be_renewed(service: Service) -> None:
    begun = datetime.now(UTC) - timedelta(days=364)
    due = replace(self_signed(NAMES, begun), origin=service.renewal.directory_url)
    service.folder.write(due)
    service.look()
    assert service.shown == due
    assert service.reports('plinth_certificate_orders_total{outcome="unreachable"} 1.0')


def test_self_signed_certificate_that_has_expired_is_replaced(service: Service) -> None:
    expired = self_signed(NAMES, datetime.now(UTC) - timedelta(days=400))
    service.folder.write(expired)
    service.look()
    assert service.shown.expires > datetime.now(UTC)


def test_rests_grow_longer(service: Service) -> None:
    rests = [service.look() for _ in range(4)]
    assert rests == sorted(rests)


def test_failure_is_one_line_of_the_log(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logs(service="certificates", version="test")
    service.look()
    (line,) = [
        json.loads(text) for text in capsys.readouterr().out.splitlines() if "not issued" in text
    ]
    assert (line["level"], line["shown"]) == ("warning", "self-signed")
    assert line["reason"].endswith("/dir does not answer (ConnectionError)")


async def test_failure_is_told_by_the_readiness_answer(service: Service) -> None:
    service.look()
    with pytest.raises(ServiceError, match="does not answer"):
        await service.renewal.check()


def test_failure_is_counted(service: Service) -> None:
    service.look()
    assert service.reports('plinth_certificate_orders_total{outcome="unreachable"} 1.0')


def test_account_key_is_for_the_user_alone(service: Service) -> None:
    service.look()
    (key,) = service.account.path.glob("*.pem")
    assert key.stat().st_mode & 0o777 == 0o600


def test_account_key_is_kept(service: Service) -> None:
    assert service.account.key() == service.account.key()


def test_disk_that_takes_nothing_does_not_end_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the tests' user may always do, the service's may not.
    monkeypatch.setattr("os.open", _refuse)
    assert service.look() >= timedelta(hours=1)


def _refuse(*_: object, **__: object) -> int:
    raise OSError(28, "No space left on device")
