"""`python -m tests.lib.sleeper [SECONDS]`: says what it was called with, and sleeps."""

import os
import sys
import time

from sluice.child import SELF

if __name__ == "__main__":
    print(sys.argv[1:], os.getpid(), os.environ.get(SELF), sep="\n", flush=True)
    time.sleep(float(sys.argv[1]) if sys.argv[1:] else 60)
