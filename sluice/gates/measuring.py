"""What the gates measure of one candidate, for its evaluation."""

from typing import Any

from sluice.gates.registry import kinds
from sluice.gates.scene import Scene


def measured(scene: Scene) -> dict[str, dict[str, Any]]:
    """By each gate's `measured_as`, its figures; empty of what costs more and is not demanded."""
    return {
        kind.measured_as: scene.gates.of(kind).measure(scene)
        if kind.always_measured or kind.name in scene.gates.mandatory
        else {}
        for kind in kinds().values()
        if kind.measured_as is not None
    }
