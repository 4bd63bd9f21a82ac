"""Alerts as a POST, to anything that takes JSON or to what takes Slack's messages."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sluice.alert_spec import WebhookSink
from sluice.data.private_files import kept_secret
from sluice.errors import ConfigError, SluiceError
from sluice.monitors.alerts.alert import Alert
from sluice.monitors.alerts.sinks.port import Deliver

_SECONDS = 10.0


def webhook(declared: WebhookSink, credentials: Path) -> Deliver:
    """Posts to the address in the declared file, and wants an answer of success."""

    def deliver(alert: Alert) -> None:
        import httpx

        address = kept_secret(credentials / declared.address_file)
        if urlsplit(address).scheme not in {"http", "https"}:
            raise ConfigError(
                f"Cannot send alerts because {declared.address_file} holds no http address; write one "
                "alone into it"
            )
        try:
            answer = httpx.post(address, json=_body(alert, declared.form), timeout=_SECONDS)
        except httpx.HTTPError as error:
            # Of the kind alone: the text of an error may repeat the address.
            raise SluiceError(
                f"Cannot send an alert to the webhook of {declared.address_file}: {type(error).__name__}"
            ) from None
        if not answer.is_success:
            raise SluiceError(
                f"Cannot send an alert to the webhook of {declared.address_file}: it answered "
                f"{answer.status_code}"
            )

    return deliver


def _body(alert: Alert, form: str) -> dict[str, Any]:
    """Slack reads &, < and > as marks of its own, so these are written out."""
    if form == "json":
        return alert.to_json()
    text = alert.text().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    title, _, rest = text.partition("\n")
    return {"text": f"*{title}*\n{rest}"}
