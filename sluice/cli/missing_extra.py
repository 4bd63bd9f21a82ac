"""What to install where a command needs a platform that this installation came without."""

from importlib.metadata import PackageNotFoundError, metadata, requires

from sluice.errors import UserError

_WHOLE = "platform"
"""The extra that brings all others' platforms."""


def missing_extra(error: ModuleNotFoundError) -> UserError | None:
    """The user's error where the module belongs to an extra; None where it does not."""
    module = (error.name or "").partition(".")[0]
    extras = _extras_with(module.replace("_", "-").lower())
    if not extras:
        return None
    # What several platforms need says nothing of which is wanted here.
    own = [extra for extra in extras if extra != _WHOLE]
    extra = own[0] if len(own) == 1 else _WHOLE
    return UserError(
        f"Cannot run this command because {module} is not installed; "
        f"do pip install 'sluice[{extra}]'"
    )


def _extras_with(distribution: str) -> list[str]:
    """Names of the extras that bring a distribution."""
    from packaging.requirements import Requirement

    try:
        declared = [Requirement(text) for text in requires("sluice") or ()]
        extras = metadata("sluice").get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return []
    markers = [needed.marker for needed in declared if needed.name == distribution]
    return [
        extra
        for extra in extras
        if any(
            marker
            and marker.evaluate({"extra": extra})
            and not marker.evaluate({"extra": ""})
            for marker in markers
        )
    ]
