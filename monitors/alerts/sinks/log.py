"""Alerts as lines of JSON in a file, and one line each in the process's own log."""

import json
import logging
import os
from pathlib import Path

from sluice.monitors.alerts.alert import Alert
from sluice.monitors.alerts.sinks.port import Deliver

_LOG = logging.getLogger(__name__)


def log(file: Path) -> Deliver:
    """Adds to the file, which nobody but its owner reads."""

    def deliver(alert: Alert) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as opened:
            opened.write(json.dumps(alert.to_json()) + "\n")
        _LOG.warning("%s: %s", alert.title, alert.reason)

    return deliver
