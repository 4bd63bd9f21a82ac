"""When a surface raises an alert, and who hears of it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LogSink(_Declared):
    """A line of JSON in HOME/logs/alerts.log."""

    kind: Literal["log"] = "log"


class WebhookSink(_Declared):
    """A POST to an address that stands in a file, since such addresses are secrets."""

    kind: Literal["webhook"]
    address_file: Annotated[Path, Field(strict=False)]
    """Holds the address alone; mode 0600. A relative path lies in HOME/credentials."""
    form: Literal["json", "slack"] = "json"
    """The alert itself, or a message as Slack and what is compatible with it take it."""


class EmailSink(_Declared):
    """A message by SMTP."""

    kind: Literal["email"]
    host: Annotated[str, Field(min_length=1)]
    port: Port = 587
    sender: Address
    to: tuple[Address, ...] = Field(min_length=1, strict=False)
    user: str | None = None
    password_file: Annotated[Path | None, Field(strict=False)] = None
    """Holds the user's password; mode 0600. A relative path lies in HOME/credentials."""
    tls: bool = True
    """Nothing is sent over a connection that STARTTLS did not secure."""

    @model_validator(mode="after")
    def _signs_in_or_not(self) -> "EmailSink":
        if (self.user is None) != (self.password_file is None):
            raise ValueError("user and password_file go together")
        if self.user is not None and not self.tls:
            raise ValueError("a password goes over TLS alone; leave tls on")
        return self


Sink = Annotated[LogSink | WebhookSink | EmailSink, Field(discriminator="kind")]


class AlertSpec(_Declared):
    """How many bad windows make an alert, and where it goes."""

    bad: Annotated[int, Field(ge=1)] = 1
    """Of the last `windows`, the newest among them, this many are bad: the alert is raised."""
    windows: Annotated[int, Field(ge=1)] = 1
    sinks: tuple[Sink, ...] = Field(default=(LogSink(),), strict=False)

    @model_validator(mode="after")
    def _can_be_raised(self) -> "AlertSpec":
        if self.bad > self.windows:
            raise ValueError(f"{self.bad} bad windows cannot be among {self.windows}")
        return self
