"""Alerts as messages by SMTP."""

import smtplib
import ssl
from email.message import EmailMessage
from pathlib import Path

from sluice.alert_spec import EmailSink
from sluice.data.private_files import kept_secret
from sluice.errors import SluiceError
from sluice.monitors.alerts.alert import Alert
from sluice.monitors.alerts.sinks.port import Deliver

_SECONDS = 20.0


def email(declared: EmailSink, credentials: Path) -> Deliver:
    """Sends one message to all who are declared."""

    def deliver(alert: Alert) -> None:
        message = _message(declared, alert)
        try:
            with smtplib.SMTP(declared.host, declared.port, timeout=_SECONDS) as server:
                if declared.tls:
                    server.starttls(context=ssl.create_default_context())
                if declared.user and declared.password_file:
                    password = kept_secret(credentials / declared.password_file)
                    server.login(declared.user, password)
                refused = server.send_message(message)
        except (smtplib.SMTPException, OSError) as error:
            raise SluiceError(
                f"Cannot send an alert by {declared.host}: {type(error).__name__}"
            ) from None
        if refused:
            raise SluiceError(
                f"{declared.host} does not take an alert for {', '.join(sorted(refused))}"
            )

    return deliver


def _message(declared: EmailSink, alert: Alert) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = alert.title
    message["From"] = declared.sender
    message["To"] = ", ".join(declared.to)
    message.set_content(alert.text())
    return message
