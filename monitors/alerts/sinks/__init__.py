"""Where alerts go: one file a sink, each behind the one port."""

from pathlib import Path

from sluice.alert_spec import EmailSink, LogSink, Sink, WebhookSink
from sluice.monitors.alerts.sinks.email import email
from sluice.monitors.alerts.sinks.log import log
from sluice.monitors.alerts.sinks.port import Deliver
from sluice.monitors.alerts.sinks.webhook import webhook

__all__ = ["sink"]


def sink(declared: Sink, home: Path) -> Deliver:
    """What delivers an alert as the surface declares it.

    Args:
        declared: in the surface's file.
        home: of the installation; its `credentials` hold the files that the surface names.
    """
    match declared:
        case LogSink():
            return log(home / "logs" / "alerts.log")
        case WebhookSink():
            return webhook(declared, home / "credentials")
        case EmailSink():
            return email(declared, home / "credentials")
