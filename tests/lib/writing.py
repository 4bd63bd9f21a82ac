"""A program that writes an argument and a variable into a file, whole or not at all, and waits."""

import json
import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    draft = Path(f"{sys.argv[1]}.draft")
    draft.write_text(json.dumps([sys.argv[2], os.environ["ODD"]]))
    draft.replace(sys.argv[1])
    time.sleep(600)
