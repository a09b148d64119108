"""One look at everything: Pulumi's own view, the engine, and the database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drift import catalog, database, plans, reference, survey
from drift import declaration as declarations
from drift.database import UnreadableDatabaseError
from drift.engine import Engine
from drift.finding import Finding, Remedy
from drift.fingerprint import Fingerprints
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from concurrent.futures import Future

    import docker

    from drift.catalog import Difference, Row
    from drift.database import Bootstrap, Database
    from drift.declaration import Declaration
    from toolchain.stack import Stack


DATABASE_ELSEWHERE = "The database runs elsewhere: its roles and tables were not compared."


@dataclass(frozen=True)
class Outcome:
    """What one look found.

    Attributes:
        declaration: what was declared.
        findings: everything that differs.
        differences: of them, those of the database's catalogue.
        notes: what was not looked at, and why.
    """

    declaration: Declaration = field(repr=False)
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()


class Check:
    """Looks at one stack, as often as asked. The reference database is made once.

    Args:
        stack: the stack.
        client: the engine that it runs on.
        with_database: whether the database's catalogue is compared as well.
    """

    def __init__(self, stack: Stack, client: docker.DockerClient, *, with_database: bool) -> None:
        self._stack = stack
        self._client = client
        self._with_database = with_database
        self._fingerprints = Fingerprints()
        self._reference: list[Row] | None = None

    def run(self) -> Outcome:
        """Look at everything.

        Raises:
            UnreadableStateError: the state is not one that can be compared.
            ToolchainError: Pulumi or the reference database failed.
        """
        return self._look(with_checkout=True)

    def run_again(self) -> Outcome:
        """Look at everything but this checkout, which stays as it was and is applied by a repair.

        Raises:
            UnreadableStateError: the state is not one that can be compared.
            ToolchainError: Pulumi failed.
        """
        return self._look(with_checkout=False)

    def _look(self, *, with_checkout: bool) -> Outcome:
        stack = self._stack
        declared = declarations.read(stack.name, plans.deployment(stack))
        # The reference takes the longest and waits for a server: Pulumi looks meanwhile.
        with ThreadPoolExecutor(max_workers=1) as beside:
            compares_database = self._with_database and not database.is_elsewhere(declared)
            made = beside.submit(self._reference_rows, declared) if compares_database else None
            unapplied = plans.unapplied_findings(plans.unapplied(stack)) if with_checkout else []
            refreshed = plans.refreshed(stack)
            found = survey.findings(declared, Engine(self._client), self._fingerprints)
            in_database, differences = self._database(declared, made)
        known = {finding.component for finding in found}
        findings = (
            *unapplied,
            *found,
            *plans.refresh_findings(refreshed, known),
            *in_database,
        )
        is_left_out = self._with_database and not compares_database
        return Outcome(
            declared, findings, tuple(differences), (DATABASE_ELSEWHERE,) if is_left_out else ()
        )

    def repair_database(self, outcome: Outcome) -> None:
        """Put right what statements can put right.

        Raises:
            ToolchainError: the database does not answer any more.
        """
        live = database.live(self._client, outcome.declaration)
        statements = database.repairs(outcome.differences)
        if live is None or not statements:
            return
        try:
            live.run(statements)
        except UnreadableDatabaseError as error:
            raise ToolchainError(
                f"the database could not be put right: {error}", "Run this again."
            ) from None

    def _reference_rows(self, declared: Declaration) -> list[Row]:
        if self._reference is None:
            self._reference = reference.catalog(self._client, declared)
        return self._reference

    def _database(
        self, declared: Declaration, made: Future[list[Row]] | None
    ) -> tuple[list[Finding], list[Difference]]:
        live = database.live(self._client, declared)
        bootstrap = database.declared_bootstrap(declared)
        if made is None or live is None or bootstrap is None:
            return [], []
        try:
            expected = made.result()
        except UnreadableDatabaseError as error:
            raise ToolchainError(
                f"the reference database could not be made: {error}",
                "Mend that, or leave the database out: DATABASE=0.",
            ) from None
        return _compared(live, bootstrap, expected)


def _compared(
    live: Database, bootstrap: Bootstrap, expected: list[Row]
) -> tuple[list[Finding], list[Difference]]:
    try:
        rows, verifiers = live.catalog(), live.password_verifiers()
    except UnreadableDatabaseError as error:
        unreadable = Finding(catalog.COMPONENT, "catalogue", "readable", str(error), Remedy.BY_HAND)
        return [unreadable], []
    differences = catalog.compare(
        expected, rows, switches_row_security_on=bootstrap.switches_row_security_on
    )
    passwords = database.password_findings(bootstrap.role_passwords, verifiers)
    return [*(each.finding for each in differences), *passwords], differences
