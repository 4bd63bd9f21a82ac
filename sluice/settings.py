"""Where this installation keeps things. Built at entry points only; below them go plain values."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sluice.environment import allowed, make_own, numba_cache
from sluice.errors import ConfigError

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "BENTOML_DO_NOT_TRACK": "True",
    "GX_ANALYTICS_ENABLED": "false",
    "ITERATIVE_DO_NOT_TRACK": "1",
}
"""No tool under Sluice reports to anybody. Each spelling is the one that its tool obeys."""

HOME = "SLUICE_HOME"
"""The variable that names the home folder."""

SAFE_DEFAULTS = {
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "90",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # LightGBM's threads wait asleep: spinning, they cost four times the wall clock on a busy machine.
    "OMP_WAIT_POLICY": "PASSIVE",
}


_DECLARED = frozenset({
    "PREFECT_API_URL", "PREFECT_API_AUTH_STRING", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL",
})  # fmt: skip
"""Of the tools' variables, those that a person may set for this installation's commands."""


@dataclass(frozen=True)
class Settings:
    """One installation: a home folder, a database, the folder of surface files."""

    home: Path
    database_url: str
    surfaces: Path
    actor: str | None
    """Who acts, for the ledger; where it is not said, a flow acts for the surface's owner."""
    promoter: str = "sluice-promoter"
    """Account that alone may write the champions through MLflow's pages and its API."""
    review_keys_at: Path | None = None
    """Where the reviewers' keys lie; HOME/keys/review where not said."""
    require_signature: bool = False
    """Serve no unsigned release even where no key is trusted yet; with a trusted key, always so."""

    @property
    def database(self) -> Path:
        """The embedded database's file."""
        return self.home / "sluice.db"

    @property
    def embedded(self) -> bool:
        return self.database_url == _sqlite_url(self.database)

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def snapshots(self) -> Path:
        return self.home / "snapshots"

    @property
    def search_url(self) -> str:
        """Where Optuna keeps its trials: a database of its own, as each tool has."""
        return _sqlite_url(self.home / "search.db")

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def releases(self) -> Path:
        return self.home / "releases"

    @property
    def bentos(self) -> Path:
        return self.home / "bentoml"

    @property
    def credentials(self) -> Path:
        """Secrets that open Prefect and Evidently, each in a file that its owner alone reads."""
        return self.home / "credentials"

    @property
    def evidently_key(self) -> Path:
        return self.credentials / "evidently"

    @property
    def others_files(self) -> tuple[Path, ...]:
        """What other tools make as open as they like: folders, databases and logs that are there."""
        folders = (self.mlflow, self.prefect, self.evidently, self.home / "logs")
        names = (*folders[0].glob("*.db*"), *folders[0].glob("accounts/*"))
        return (*folders, *names, *self.prefect.glob("*.*"), *folders[-1].glob("*.log"))

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def review_keys(self) -> Path:
        """Whose signatures count for a review; trainers and flows only need its public part."""
        return self.review_keys_at or self.keys / "review"

    @property
    def signatures(self) -> Path:
        return self.home / "signatures"

    @property
    def heads(self) -> Path:
        """Signed heads of the ledger, outside its database."""
        return self.home / "audit" / "heads"

    @property
    def pointers(self) -> Path:
        return self.home / "serving"

    @property
    def predictions(self) -> Path:
        return self.home / "predictions"

    @property
    def validation(self) -> Path:
        return self.home / "validation"

    @property
    def evidence(self) -> Path:
        return self.home / "evidence"

    @property
    def evidently(self) -> Path:
        return self.home / "evidently"

    @property
    def prefect(self) -> Path:
        return self.home / "prefect"

    @property
    def mlflow(self) -> Path:
        return self.home / "mlflow"

    @property
    def mlflow_uri(self) -> str:
        return _sqlite_url(self.mlflow / "mlflow.db")

    def environment(self) -> dict[str, str]:
        """Variables every platform tool is started with."""
        return {
            **TELEMETRY_OFF,
            **SAFE_DEFAULTS,
            "PREFECT_HOME": str(self.prefect),
            # Said, and not left to what a profile, a prefect.toml or a .env in some folder says.
            "PREFECT_PROFILES_PATH": str(self.prefect / "profiles.toml"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{self.prefect / 'prefect.db'}",
            "BENTOML_HOME": str(self.bentos),
            **numba_cache(os.environ, Path(__file__).parent, self.home),
        }

    def child_environment(self) -> dict[str, str]:
        """The whole environment of a child process: what is allowed, and the tools' variables.

        No credential of Prefect's API is in it. Whoever has it may start our flows; a child that parses
        a model needs none of it, and Prefect's own server reads it from its file.
        """
        return {**allowed(os.environ), **self.environment()}

    def own_variables(self) -> dict[str, str]:
        """Variables by which `load_settings` in another process finds this installation."""
        return {
            HOME: str(self.home),
            "SLUICE_DATABASE_URL": self.database_url,
            "SLUICE_SURFACES": str(self.surfaces),
            "SLUICE_PROMOTER": self.promoter,
            "SLUICE_REQUIRE_SIGNATURE": str(int(self.require_signature)),
            "SLUICE_REVIEW_KEYS": str(self.review_keys_at or ""),
        }


def load_settings(environ: Mapping[str, str], home: Path | None = None) -> Settings:
    """Settings from the variables that `Settings.own_variables` names, and `SLUICE_ACTOR`.

    Raises:
        ConfigError: the home exists and is no folder, or a signature is required neither 0 nor 1.
    """
    root = (home or Path(environ.get(HOME, ".sluice"))).resolve()
    if root.exists() and not root.is_dir():
        raise ConfigError(f"{HOME} {root}: is a file, must be a folder")
    keys = environ.get("SLUICE_REVIEW_KEYS")
    return Settings(
        home=root,
        database_url=environ.get("SLUICE_DATABASE_URL") or _sqlite_url(root / "sluice.db"),
        surfaces=_surfaces(environ.get("SLUICE_SURFACES")),
        actor=environ.get("SLUICE_ACTOR") or None,
        promoter=environ.get("SLUICE_PROMOTER") or Settings.promoter,
        review_keys_at=Path(keys).resolve() if keys else None,
        require_signature=_flag("SLUICE_REQUIRE_SIGNATURE", environ),
    )


def _flag(name: str, environ: Mapping[str, str]) -> bool:
    value = environ.get(name) or "0"
    if value not in {"0", "1"}:
        raise ConfigError(f"{name}={value}: write 0 or 1")
    return value == "1"


def _sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def _surfaces(declared: str | None) -> Path:
    """The named folder, or the one here, or else the one beside the code."""
    here = Path(declared or "surfaces").resolve()
    return here if declared or here.is_dir() else Path(__file__).parents[1] / "surfaces"


def apply_environment(settings: Settings) -> None:
    """Put the tools' variables into this process, before any of them is imported."""
    os.environ.update(settings.environment())


def own_environment(settings: Settings) -> None:
    """Let nothing that a user set for other projects decide what the tools do in this process."""
    declared = settings.environment()
    make_own(os.environ, keep=_DECLARED | declared.keys())
    os.environ.update(declared)
