"""Settings of the service, from the environment. `infra/services/certificates.py` sets them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from services.shared.settings import ServiceSettings


class CertificatesSettings(ServiceSettings):
    """Everything that the service can be told."""

    domains: Annotated[str, NoDecode] = Field(min_length=1, validation_alias="PLINTH_ACME_DOMAINS")
    """Names that the certificate is for, separated by commas."""

    directory_url: str = Field(pattern="^https://", validation_alias="PLINTH_ACME_DIRECTORY_URL")
    authority_file: Path = Field(
        Path("/etc/ssl/certs/ca-certificates.crt"), validation_alias="PLINTH_ACME_AUTHORITY_FILE"
    )
    """PEM file with the authorities that the directory's own certificate may be from."""

    email: str = Field("", validation_alias="PLINTH_ACME_EMAIL")
    terms_agreed: Literal["true"] = Field(validation_alias="PLINTH_ACME_TERMS_AGREED")
    external_account_id: str = Field("", validation_alias="PLINTH_ACME_EXTERNAL_ACCOUNT_ID")
    external_account_key: SecretStr = Field(
        SecretStr(""), validation_alias="PLINTH_ACME_EXTERNAL_ACCOUNT_KEY"
    )
    """base64url, as directories hand it out."""

    renew_before_days: int | None = Field(
        None, ge=1, validation_alias="PLINTH_ACME_RENEW_BEFORE_DAYS"
    )
    account_folder: Path = Field(
        Path("/data/account"), validation_alias="PLINTH_ACME_ACCOUNT_FOLDER"
    )
    issued_folder: Path = Field(Path("/data/issued"), validation_alias="PLINTH_ACME_ISSUED_FOLDER")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias="PLINTH_ACME_LOG_LEVEL"
    )

    @property
    def names(self) -> tuple[str, ...]:
        """`domains`, one by one."""
        return tuple(self.domains.split(","))

    @model_validator(mode="after")
    def _external_account_is_whole(self) -> Self:
        if bool(self.external_account_id) != bool(self.external_account_key.get_secret_value()):
            raise ValueError(
                "PLINTH_ACME_EXTERNAL_ACCOUNT_ID and PLINTH_ACME_EXTERNAL_ACCOUNT_KEY go together; "
                "set both or neither"
            )
        return self
