import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    ["sluice.store", "sluice.store.port", "sluice.store.memory", "sluice.store.ledger",
     "sluice.registry.promotion", "sluice.registry.relay", "sluice.registry.pointer", "sluice.registry.audit"],
)  # fmt: skip
def test_nothing_loads_a_database_library_before_a_store_is_opened(module):
    heavy = "{'sqlalchemy', 'alembic', 'psycopg', 'mlflow'} & set(sys.modules)"
    program = f"import sys, {module}; sys.exit(bool({heavy}))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
