import subprocess
import sys

import pytest

from sluice.registry.plots import draw, top_gains
from tests.lib.evidence import a_comparison, an_evidence, closely_looked_at

PNG = b"\x89PNG\r\n\x1a\n"


def drawn():
    return draw(an_evidence())


def test_every_plot_is_a_png_without_the_name_of_the_software():
    plots = drawn()

    assert set(plots) == {"differences", "metrics", "gains"}
    assert all(png.startswith(PNG) for png in plots.values())
    assert not any(b"Software" in png for png in plots.values())


def test_promised_probabilities_are_drawn_against_what_came():
    plots = draw(closely_looked_at())

    assert plots["calibration"].startswith(PNG)
    assert plots["calibration"] == draw(closely_looked_at())["calibration"]


def test_the_same_figures_give_the_same_bytes():
    assert drawn() == drawn()


@pytest.mark.parametrize(
    ("metrics", "comparisons", "gains", "names"),
    [
        ({}, {}, {}, set()),
        ({"candidate": {}}, {"champion": ()}, {}, set()),
        ({"candidate": {"auc": 0.5}, "baseline": {}}, {}, {}, {"metrics"}),
        ({"candidate": {"auc": float("nan")}}, {}, {"age": 0.0}, {"metrics", "gains"}),
        ({}, {"other": (a_comparison(low=float("nan")),)}, {}, {"differences"}),
    ],
)
def test_what_has_no_figures_has_no_plot(metrics, comparisons, gains, names):
    evidence = an_evidence(metrics=metrics, comparisons=comparisons, gains=gains)

    assert set(draw(evidence)) == names


def test_the_top_features_come_by_gain_then_by_name():
    gains = {"b": 1.0, "a": 1.0, "c": 5.0} | {f"z{nth}": 0.1 for nth in range(30)}

    assert [name for name, _ in top_gains(gains)][:3] == ["c", "a", "b"]
    assert len(top_gains(gains)) == 20


def test_the_room_imports_without_its_heavy_libraries():
    """`sluice --help` must not wait for MLflow."""
    program = (
        "import sys, sluice.registry.mirror, sluice.registry.page, sluice.registry.plots;"
        "print([n for n in ('mlflow', 'matplotlib', 'jinja2', 'lightgbm') if n in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"
