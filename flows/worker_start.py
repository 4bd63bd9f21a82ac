"""`python -m sluice.flows.worker_start PORT`: takes the runs that this home's own Prefect has due."""

import os
import sys

from sluice.child import import_own_code
from sluice.flows.prefect_api import admitted
from sluice.flows.prefect_server import api_url
from sluice.settings import apply_environment, load_settings


def main(port: int) -> None:
    """Work until stopped, for the Prefect that listens on this port of this machine."""
    settings, address = load_settings(os.environ), api_url(port)
    apply_environment(settings)
    import_own_code()  # and so does every run that this process starts
    os.environ["PREFECT_API_URL"] = address
    with admitted(settings, address):
        # Prefect reads its address and the credential when it is imported.
        from sluice.flows.worker import work

        work()


if __name__ == "__main__":
    main(int(sys.argv[1]))
