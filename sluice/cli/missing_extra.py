"""What to install where a command needs a platform that this installation came without."""

import re
from importlib.metadata import PackageNotFoundError, requires

from sluice.errors import UserError

_WHOLE = "platform"
_EXTRA = re.compile(r"^([\w.-]+).*;.*\bextra == ['\"]([\w-]+)['\"]")


def missing_extra(error: ModuleNotFoundError) -> UserError | None:
    """The user's error where the module belongs to an extra; None where it does not."""
    module = (error.name or "").partition(".")[0]
    extras = _extras().get(module.replace("_", "-").lower())
    if not extras:
        return None
    # One that several platforms need says nothing of which is wanted here.
    extra = extras.pop() if len(extras) == 1 else _WHOLE
    return UserError(
        f"Cannot run this command because {module} is not installed; "
        f"do pip install 'sluice[{extra}]'"
    )


def _extras() -> dict[str, set[str]]:
    """The extras that bring a distribution, by its name."""
    try:
        declared = requires("sluice") or ()
    except PackageNotFoundError:
        return {}
    extras: dict[str, set[str]] = {}
    for requirement in declared:
        if matched := _EXTRA.match(requirement):
            extras.setdefault(matched[1].lower(), set()).add(matched[2])
    return extras
