"""Imports what serving needs, without what its libraries would bring along unasked."""

import sys
from importlib import import_module
from importlib.abc import MetaPathFinder

UNASKED = ("sklearn", "pandas", "matplotlib", "dask")
"""LightGBM and PyArrow import these where they are there, at 2 s of CPU; serving uses none."""
NEEDED = (
    "lightgbm", "sluice.serving.release", "sluice.rankers.tree_kernel", "pyarrow.parquet",
)  # fmt: skip
"""What loading and asking a release imports sooner or later."""
WORKER = (
    "sluice.serving.lean", "cryptography.exceptions", "cryptography.hazmat.primitives.serialization",
    "cryptography.hazmat.primitives.asymmetric.ec", "uvloop",
)  # fmt: skip
"""What a worker imports besides."""


class _Hidden(MetaPathFinder):
    """Finds that these are not installed."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        del path, target
        if fullname in UNASKED:
            raise ModuleNotFoundError(f"{fullname} is not used for serving", name=fullname)


def hide_unasked() -> None:
    """Have imports of them fail in this process from now on, as where they are not installed.

    Only for a process that serves and does nothing else.
    """
    sys.meta_path.insert(0, _Hidden())


def import_ahead(names: tuple[str, ...] = NEEDED) -> None:
    """Import these now; what is forked from this process need not."""
    for name in names:
        import_module(name)


def load_kernels() -> None:
    """Load the compiled code that every release's first answer would load; scores nothing real."""
    import numpy as np

    from sluice.features.declaration.spec import FeatureSpec
    from sluice.features.state.feature_state import FeatureState, Request
    from sluice.rankers.tree_kernel import NODES_AT_ONCE, score_rows

    FeatureState(FeatureSpec(windows=("1h",)), ()).features(Request("", ("",), 0, {}))
    zero, nodes = np.zeros(1, np.float32), NODES_AT_ONCE
    # As for trees of up to 32 leaves, the usual ones; what is wider loads its own when it comes.
    everything = np.iinfo(np.uint32).max
    score_rows(
        zero.reshape(1, 1), np.zeros(1, np.int64), zero, zero, np.zeros(nodes, np.int32),
        np.full(nodes, np.inf, np.float32), np.full(nodes, everything, np.uint32),
        np.array([0, nodes]), np.zeros(1, np.int64), np.zeros(1), np.uint32(everything),
    )  # fmt: skip
