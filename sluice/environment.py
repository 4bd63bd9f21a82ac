"""The environment of this installation's processes: what of the user's is passed on, and nothing else.

A variable that some tool reads decides where that tool writes, whom it asks and which code it runs. A
list of what is forbidden would be out of date with the next release of any of them, so there is a list
of what is allowed.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from urllib.parse import urlsplit

NAMES = frozenset({
    # Who and where.
    "PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TERM", "COLUMNS", "LINES", "NO_COLOR", "XDG_RUNTIME_DIR",
    # How text and times are shown; no digest depends on either.
    "LANG", "LANGUAGE", "TZ",
    # What the machine needs to load libraries and to know certificates.
    "LD_LIBRARY_PATH", "LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    # How many threads and how much memory.
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS",
    "MALLOC_ARENA_MAX", "OMP_WAIT_POLICY",
    "NUMBA_CACHE_DIR",
    # PostgreSQL's own files and names, beside what a URL says.
    "PGPASSFILE", "PGSERVICEFILE", "PGSERVICE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLMODE",
})  # fmt: skip
"""Passed on as they are."""
PREFIXES = ("LC_", "SLUICE_")
"""Of names that are passed on too."""
BARE = ("PATH", "LANG", "TMPDIR", "NUMBA_CACHE_DIR", "HOME")
"""All that a child needs which only computes; no secret is among them."""
_PROXIES = ("http_proxy", "https_proxy")
_NO_PROXY = "no_proxy"
_PROXY_SCHEMES = frozenset({"", "http", "https"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_TOOLS = ("PREFECT_", "MLFLOW_", "BENTOML_", "PROMETHEUS_")
"""Of variables by which a user's other projects configure the tools that run in this process."""


def allowed(environ: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a child of ours starts with.

    A proxy is passed on where every client of ours can use it, for an alert's webhook may need one;
    nothing on this machine is ever asked through it.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name in NAMES or name.startswith(PREFIXES)
    }
    proxies = {
        name: value for name, value in environ.items() if _is_usable_proxy(name, value)
    }
    return {**kept, **proxies, **(_direct(environ) if proxies else {})}


def bare(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child starts with that only computes."""
    return {name: environ[name] for name in BARE if name in environ}


def make_own(environ: MutableMapping[str, str], *, keep: frozenset[str]) -> None:
    """Take from this process's environment what would configure the tools that it is about to import.

    Args:
        environ: is changed.
        keep: names of such variables that are declared for this installation.
    """
    strange = [name for name in environ if name.startswith(_TOOLS) and name not in keep]
    unusable = [
        name
        for name, value in environ.items()
        if name.lower().endswith("_proxy")
        and name.lower() != _NO_PROXY
        and not _is_usable_proxy(name, value)
    ]
    for name in (*strange, *unusable):
        del environ[name]
    if any(name.lower() in _PROXIES for name in environ):
        environ.update(_direct(environ))


def numba_cache(environ: Mapping[str, str], code: Path, home: Path) -> dict[str, str]:
    """Where Numba keeps what it compiled: beside the code, or in the home where nobody may write there."""
    if "NUMBA_CACHE_DIR" in environ or os.access(code, os.W_OK):
        return {}
    return {"NUMBA_CACHE_DIR": str(home / "compiled")}


def _is_usable_proxy(name: str, value: str) -> bool:
    return name.lower() in _PROXIES and urlsplit(value).scheme in _PROXY_SCHEMES


def _direct(environ: Mapping[str, str]) -> dict[str, str]:
    declared = environ.get(_NO_PROXY) or environ.get(_NO_PROXY.upper()) or ""
    hosts = [host for host in declared.split(",") if host]
    hosts += [host for host in _LOOPBACK if host not in hosts]
    return dict.fromkeys((_NO_PROXY, _NO_PROXY.upper()), ",".join(hosts))
