"""What serving was sent in its last window, for the gate that asks whether context is real."""

from sluice.data.durations import microseconds
from sluice.flows.serving_room import ask_serving
from sluice.flows.workplace import Workplace
from sluice.gates.sent_context import ServedContext


def served_context(workplace: Workplace) -> ServedContext | None:
    """Context of the requests in the monitors' window before the newest answer; None before any."""
    folder = workplace.settings.predictions / workplace.name
    if not folder.is_dir():
        return None
    request = {
        "predictions": str(folder),
        "start": None,
        "end": None,
        "length": microseconds(workplace.surface.monitors.window),
    }
    answer = ask_serving(workplace, "context", request)
    return ServedContext(answer["requests"], answer["sent"]) if answer["requests"] else None
