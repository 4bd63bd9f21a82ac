"""Accounts of MLflow's pages: where their database and the installation's secrets lie.

No password has a default, and none is in a log, an argument or a child's environment: what is
generated stands in files that only the installation's owner can read.
"""

import secrets
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sluice.data.atomic import write_atomically
from sluice.data.private_files import secret_in
from sluice.errors import Refused
from sluice.registry.account_holds import mark_of
from sluice.registry.mlflow_candidate import candidates_model
from sluice.registry.mlflow_database import ensure_database

ADMIN = "admin"

_CONFIG = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = {admin}
auth_cache_ttl_seconds = 30
"""
"""Whoever is signed in reads everything. Remembered for 30 s, a page costs one password hash, not 20."""


@dataclass(frozen=True)
class Accounts:
    """The accounts of one installation."""

    folder: Path
    """Nobody but the owner enters it."""
    surfaces: Collection[str]
    """Whose candidates every account may write."""
    promoter: str
    """The one account that may write the champions too."""

    @property
    def admin_password(self) -> Path:
        """File with the password that the account `admin` was made with."""
        return self.folder / "admin.password"

    def environment(self) -> dict[str, str]:
        """What MLflow's own accounts are configured with; made where it is not there yet."""
        self._enclose()
        config = self.folder / "accounts.ini"
        settings = _CONFIG.format(database=self._database.replace("%", "%%"), admin=ADMIN)
        write_atomically(config, settings.encode())
        return {
            "MLFLOW_AUTH_CONFIG_PATH": str(config),
            "MLFLOW_AUTH_ADMIN_PASSWORD": secret_in(self.admin_password),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": secret_in(self.folder / "session.key"),
        }

    def mark(self, name: str) -> str | None:
        """Tells the account's password from another one; None where there is no such account."""
        with self._opened() as store:
            if not store.has_user(name):
                return None
            return mark_of(store.get_user(name).password_hash)

    def make(self, name: str) -> str:
        """Make an account, or give the one there is a new password; returns the password.

        Raises:
            Refused: it is the administrator's.
        """
        if name == ADMIN:
            raise Refused(
                f"the account {ADMIN} is MLflow's own; its first password is in {self.admin_password}"
            )
        password = secrets.token_urlsafe(18)
        with self._opened() as store:
            if store.has_user(name):
                store.update_user(name, password=password)
            else:
                store.create_user(name, password)
            self._grant(store, name)
        return password

    def grant(self) -> None:
        """Let every account write the candidates of every surface, the newest ones too."""
        with self._opened() as store:
            for user in store.list_users():
                self._grant(store, user.username)

    def _grant(self, store: Any, name: str) -> None:
        rights = {candidates_model(surface): "EDIT" for surface in self.surfaces}
        if name == self.promoter:
            rights = dict.fromkeys((*rights, *self.surfaces), "MANAGE")
        for model, right in rights.items():
            store.grant_user_permission(name, "registered_model", model, right)

    def _enclose(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)

    @property
    def _database(self) -> str:
        return f"sqlite:///{self.folder / 'accounts.db'}"

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        self._enclose()
        with warnings.catch_warnings():
            # Starlette's, of a part that MLflow still uses, for whoever first imports its server.
            warnings.filterwarnings("ignore", "starlette.middleware.wsgi is deprecated")
            from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

        ensure_database(self._database, _build)
        store = SqlAlchemyStore()
        store.init_db(self._database)
        try:
            yield store
        finally:
            store.engine.dispose()


def _build(path: Path) -> None:
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore()
    store.init_db(f"sqlite:///{path}")
    store.engine.dispose()
