"""What a wheel offers, and what a fresh environment with the core alone can do."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sluice.child import ROOT

ROOMS = {"flows", "monitors", "registry", "serving"}
FIT_AND_EVALUATE = """
import sys
from pathlib import Path
import numpy as np
from sluice.data.generated import FeedConfig, generate
from sluice.features.state.replay import replay
from sluice.metrics import evaluate
from sluice.rankers import make_ranker
from sluice.surface import load_surface

surface = load_surface(Path(sys.argv[1]))
tables = generate(FeedConfig(seed=1, days=3, requests_per_day=60)).tables
frame = replay(surface.features, surface.data.label, tables).frame
earlier, later = frame.split_at(int(np.quantile(frame.ts, 0.7)))
ranker = make_ranker("lambdamart", surface.ranker.parameters).fit(earlier, np.random.default_rng(0))
print(round(evaluate(ranker.score(later.features), later).mean("ndcg@10"), 4))
"""
PLATFORMS = (
    "mlflow",
    "prefect",
    "bentoml",
    "great_expectations",
    "evidently",
    "granian",
    "pandas",
)


def uv(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "uv", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """A wheel made from the tree, and one by way of the source archive."""
    out = tmp_path_factory.mktemp("wheels")
    offline = ("--no-build-isolation", "--python", sys.executable, "--quiet")
    uv("build", "--wheel", *offline, "--out-dir", out / "tree", ROOT)
    uv("build", *offline, "--out-dir", out / "archive", ROOT)
    return {way: next((out / way).glob("*.whl")) for way in ("tree", "archive")}


def environment(folder: Path, wheel: str) -> Path:
    """The interpreter of a fresh environment with the wheel and what it needs."""
    uv("venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    pinned = ("--constraint", ROOT / "requirements.lock")
    uv("pip", "install", "--quiet", "--python", python, *pinned, wheel)
    return python


@pytest.fixture(scope="module")
def core(wheels, tmp_path_factory) -> Path:
    return environment(
        tmp_path_factory.mktemp("core"), f"sluice @ {wheels['tree'].as_uri()}"
    )


@pytest.fixture(scope="module")
def serving(wheels, tmp_path_factory) -> Path:
    wheel = f"sluice[serve] @ {wheels['tree'].as_uri()}"
    return environment(tmp_path_factory.mktemp("serving"), wheel)


def run(
    python: Path, *arguments: str | Path, folder: Path
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("way", ["tree", "archive"])
def test_a_wheel_offers_the_one_name_sluice(wheels, way):
    with zipfile.ZipFile(wheels[way]) as wheel:
        names = [name.split("/") for name in wheel.namelist()]

    assert {name[0] for name in names if not name[0].endswith(".dist-info")} == {"sluice"}
    assert {name[1] for name in names} >= ROOMS
    assert len(names) == len({tuple(name) for name in names})


def test_the_core_alone_fits_and_evaluates(core, tmp_path):
    done = run(
        core, "-c", FIT_AND_EVALUATE, ROOT / "surfaces" / "for_you.toml", folder=tmp_path
    )

    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_core_has_no_platform(core, tmp_path, platform):
    assert run(core, "-c", f"import {platform}", folder=tmp_path).returncode == 1


def test_a_command_names_the_extra_it_needs(core, tmp_path):
    sluice = core.with_name("sluice")
    done = run(core, sluice, "run", "validate", "for_you", folder=tmp_path)

    assert done.returncode == 2
    assert "pip install 'sluice[platform]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_named_like_a_room_changes_nothing(core, tmp_path):
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise SystemExit('a stranger ran')")
    done = run(core, "-m", "sluice", "doctor", folder=tmp_path)

    assert "a stranger ran" not in done.stdout + done.stderr
    assert "mlflow" in done.stdout


@pytest.mark.parametrize("module", ["lean", "supervisor", "client", "shadow_process"])
def test_a_service_needs_the_serve_extra_alone(serving, tmp_path, module):
    done = run(serving, "-c", f"import sluice.serving.{module}", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert run(serving, "-c", "import bentoml", folder=tmp_path).returncode == 1
