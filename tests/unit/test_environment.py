"""What a child of ours starts with, whatever the user's environment holds."""

import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from sluice.data.digest import json_digest
from sluice.environment import allowed, bare, make_own, numba_cache
from sluice.settings import load_settings, own_environment

PLAIN = {"PATH": os.defpath, "HOME": "/home/ann", "SLUICE_ACTOR": "ann"}
SOCKS = "socks5://127.0.0.1:1080"

FOREIGN = {
    "Prefect's database": {"PREFECT_API_DATABASE_CONNECTION_URL": "sqlite:////home/ann/p.db"},
    "Prefect's database, newer": {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql://prod/prefect"},
    "Prefect's profile": {"PREFECT_PROFILE": "prod"},
    "Prefect's profiles": {"PREFECT_PROFILES_PATH": "/home/ann/.prefect/profiles.toml"},
    "Prefect's home": {"PREFECT_HOME": "/home/ann/.prefect"},
    "Prefect's cloud": {"PREFECT_API_URL": "https://api.prefect.cloud/x", "PREFECT_API_KEY": "pnu_1"},
    "Prefect's credential": {"PREFECT_API_AUTH_STRING": "sluice:secret"},
    "Prefect's results": {"PREFECT_RESULTS_DEFAULT_SERIALIZER": "pickle"},
    "Prefect's storage": {"PREFECT_LOCAL_STORAGE_PATH": "/home/ann/results"},
    "MLflow's server": {"MLFLOW_TRACKING_URI": "https://mlflow.example", "MLFLOW_TRACKING_TOKEN": "t"},
    "MLflow's registry": {"MLFLOW_REGISTRY_URI": "databricks-uc"},
    "MLflow's pickles": {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true"},
    "MLflow's experiment": {"MLFLOW_EXPERIMENT_NAME": "mine", "MLFLOW_RUN_ID": "1a"},
    "BentoML's home": {"BENTOML_HOME": "/home/ann/bentoml"},
    "BentoML's configuration": {"BENTOML_CONFIG": "/home/ann/b.yaml", "BENTOML_CONFIG_OPTIONS": "a=b"},
    "BentoML's port": {"BENTOML_PORT": "80", "BENTOML_HOST": "0.0.0.0"},
    "Prometheus' folder": {"PROMETHEUS_MULTIPROC_DIR": "/nowhere", "prometheus_multiproc_dir": "/nowhere"},
    "Python's path": {"PYTHONPATH": "/home/ann/project"},
    "Python's home": {"PYTHONHOME": "/usr/nowhere"},
    "Python's start": {"PYTHONSTARTUP": "/home/ann/start.py", "PYTHONINSPECT": "1"},
    "Python's asserts": {"PYTHONOPTIMIZE": "2"},
    "Python's warnings": {"PYTHONWARNINGS": "error"},
    "Python's hashes": {"PYTHONHASHSEED": "7"},
    "Python's text": {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"},
    "a proxy of another kind": {"ALL_PROXY": SOCKS, "all_proxy": SOCKS},
    "a socks proxy for http": {"HTTPS_PROXY": SOCKS, "http_proxy": "socks5h://127.0.0.1:1080"},
    "git's folder": {"GIT_DIR": "/elsewhere/.git", "GIT_WORK_TREE": "/elsewhere"},
    "cloud credentials": {"AWS_SECRET_ACCESS_KEY": "s", "GOOGLE_APPLICATION_CREDENTIALS": "/g.json"},
    "Optuna's and Ray's": {"OPTUNA_STORAGE": "x", "RAY_ADDRESS": "auto"},
    "anything": {"EDITOR": "vi", "MY_TOKEN": "t", "BASH_ENV": "/home/ann/.bashenv"},
}  # fmt: skip
"""Kinds of what a user has set for other projects."""

KEPT = {
    "locale": {"LANG": "tr_TR.UTF-8", "LC_ALL": "C", "LC_NUMERIC": "de_DE"},
    "time zone": {"TZ": "Pacific/Chatham"},
    "threads": {"OMP_NUM_THREADS": "2", "POLARS_MAX_THREADS": "1"},
    "certificates": {"SSL_CERT_FILE": "/etc/ca.pem"},
    "compiled code": {"NUMBA_CACHE_DIR": "/var/cache/numba"},
    "PostgreSQL's passwords": {"PGPASSFILE": "/home/ann/.pgpass"},
    "our own": {"SLUICE_FEED_USER": "ann", "SLUICE_HOSTS": "ranker.example"},
}


@pytest.fixture
def settings(tmp_path):
    with mock.patch.dict(os.environ, PLAIN, clear=True):
        yield load_settings({}, tmp_path / "home")


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_child_gets_nothing_of_another_project(settings, monkeypatch, kind):
    plain = settings.child_environment()
    for name, value in FOREIGN[kind].items():
        monkeypatch.setenv(name, value)

    assert settings.child_environment() == plain
    assert bare(os.environ) == bare(PLAIN)


@pytest.mark.parametrize("kind", KEPT)
def test_what_is_the_machines_or_ours_is_passed_on(kind):
    assert allowed({**PLAIN, **KEPT[kind]}) == {**PLAIN, **KEPT[kind]}


def test_a_proxy_is_for_elsewhere_alone():
    child = allowed(
        {**PLAIN, "HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "db,localhost"}
    )

    assert child["HTTPS_PROXY"] == "http://proxy:3128"
    assert child["NO_PROXY"] == child["no_proxy"] == "db,localhost,127.0.0.1,::1"


FOR_PREFECT = ("Prefect's cloud", "Prefect's credential")
"""A person may point a command to a shared Prefect; the key of another's cloud goes."""
TOOLS = [
    kind
    for kind, variables in FOREIGN.items()
    if kind not in FOR_PREFECT
    and next(iter(variables)).split("_")[0]
    in {"PREFECT", "MLFLOW", "BENTOML", "ALL", "HTTPS"}
]


@pytest.mark.parametrize("kind", TOOLS)
def test_a_commands_own_process_is_as_free(settings, monkeypatch, kind):
    own_environment(settings)
    plain = dict(os.environ)
    for name, value in FOREIGN[kind].items():
        monkeypatch.setenv(name, value)

    own_environment(settings)

    assert dict(os.environ) == plain


def test_a_shared_prefect_may_be_named():
    environ = {"PREFECT_API_URL": "http://p/api", "PREFECT_API_KEY": "k"}

    make_own(environ, keep=frozenset({"PREFECT_API_URL"}))

    assert environ == {"PREFECT_API_URL": "http://p/api"}


def test_compiled_code_lies_in_the_home_of_a_read_only_install(tmp_path, monkeypatch):
    assert numba_cache({}, tmp_path, tmp_path / "home") == {}
    monkeypatch.setattr(os, "access", lambda *_: False)

    assert numba_cache({}, tmp_path, tmp_path / "home") == {
        "NUMBA_CACHE_DIR": str(tmp_path / "home" / "compiled")
    }
    assert numba_cache({"NUMBA_CACHE_DIR": "/c"}, tmp_path, tmp_path / "home") == {}


SEEN = """
import os, sys
from sluice.data.digest import json_digest
print(json_digest([1.5, "ñ", "ı".upper()]), sys.flags.optimize, "altered" in sys.modules, sys.stdout.encoding)
"""
HOSTILE = [
    {},
    {"PYTHONOPTIMIZE": "2", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "LANG": "tr_TR.UTF-8", "TZ": "Pacific/Chatham"},
    {"PYTHONPATH": "ALTERED", "ALL_PROXY": SOCKS},
]


@pytest.mark.parametrize(
    "hostile", HOSTILE, ids=lambda hostile: "+".join(hostile) or "none"
)
def test_a_real_child_computes_the_same(tmp_path, hostile):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['altered'] = sys")
    environ = {**PLAIN, **hostile}
    if "PYTHONPATH" in hostile:
        environ["PYTHONPATH"] = str(tmp_path)
    child = {**allowed(environ), "PYTHONPATH": str(Path(__file__).parents[2])}

    seen = subprocess.run(
        [sys.executable, "-c", SEEN],
        env=child,
        capture_output=True,
        text=True,
        check=True,
        umask=0,
    ).stdout.split()

    assert seen == [json_digest([1.5, "ñ", "ı".upper()]), "0", "False", "utf-8"]
