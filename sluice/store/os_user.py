"""Who runs this process, as the operating system knows it and no variable can change."""

import os
import pwd
from functools import cache


@cache
def os_user() -> str:
    """Name of the account; `uid N` for one without a name, as containers have."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"
