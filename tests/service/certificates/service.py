"""The service's parts around two folders, with a directory of the test's choice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import generate_latest

from services.certificates.account import AccountFolder
from services.certificates.directory import Directory
from services.certificates.measurements import Measurements
from services.certificates.pair import Pair, PairFolder
from services.certificates.renewal import Renewal
from services.certificates.settings import CertificatesSettings
from services.shared.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from services.certificates.challenges import Challenges

NAMES = ("api.plinth.test", "www.plinth.test")
ENVIRONMENT = {
    "PLINTH_ACME_DOMAINS": ",".join(NAMES),
    "PLINTH_ACME_EMAIL": "operator@plinth.test",
    "PLINTH_ACME_TERMS_AGREED": "true",
}


class Service:
    """The service without its clock: it looks when it is told to.

    Args:
        folder: What the service finds as `/data`.
        challenges: Where it leaves its answers.
        environment: Variables besides those that every test has; the directory's URL at least.
    """

    def __init__(
        self, folder: Path, challenges: Challenges, environment: Mapping[str, str]
    ) -> None:
        paths = {"account": folder / "account", "issued": folder / "issued"}
        for path in paths.values():
            path.mkdir(exist_ok=True)
        settings = CertificatesSettings.model_validate(
            {
                **ENVIRONMENT,
                "PLINTH_ACME_ACCOUNT_FOLDER": paths["account"],
                "PLINTH_ACME_ISSUED_FOLDER": paths["issued"],
                **environment,
            }
        )
        self.account = AccountFolder.of(paths["account"], settings.directory_url)
        self.folder = PairFolder(paths["issued"])
        self.metrics = Metrics()
        self.renewal = Renewal(
            names=settings.names,
            directory_url=settings.directory_url,
            directory=Directory(settings, challenges),
            folder=self.folder,
            measurements=Measurements(self.metrics),
        )

    def look(self) -> timedelta:
        """Let it do what is due; how long it would rest then."""
        return self.renewal.look()

    @property
    def shown(self) -> Pair:
        """What the gateway reads."""
        pair = self.folder.read()
        assert pair
        return pair

    def reports(self, metric: str) -> bool:
        """Whether collectors are told a metric with its value."""
        return metric in generate_latest(self.metrics.registry).decode().splitlines()
