"""The application's role on PostgreSQL: it takes a version to the champion and cannot tamper."""

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from registry.audit import audit
from registry.pointer import PointerReceiver
from registry.promotion import champion_of
from registry.relay import relay
from sluice.errors import ConfigError, Refused, UserError
from sluice.store import open_store
from sluice.store.content import KINDS
from sluice.store.records import OutboxRow, State
from sluice.store.roles import RIGHTS, protect_ledger
from tests.lib.promotions import bring, rollback
from tests.lib.sql_roles import (
    OTHERS_WORK,
    ROLE,
    TAMPERINGS,
    applications,
    done_by_the_role,
    owners,
    run,
    unseen_move,
)


@pytest.fixture
def owner(postgres):
    with owners(postgres) as url:
        yield url


@pytest.fixture
def application(owner):
    with applications(owner) as url:
        yield url


def test_the_role_takes_versions_to_the_champion_and_back(application, tmp_path):
    with open_store(application) as store:
        bring(store, State.CHAMPION, "a")
        bring(store, State.CHAMPION_PROVISIONAL, "b")
        relay(store, [PointerReceiver(tmp_path)])
        rollback(store)
        relay(store, [PointerReceiver(tmp_path)])

        assert champion_of(store, "feed").version == 1
        assert store.find(OutboxRow, delivered=False) == ()
        assert audit(store, pointers=tmp_path) == []
        assert [store.find(kind) for kind in KINDS]


@pytest.mark.parametrize("statement", TAMPERINGS)
def test_the_role_cannot_tamper(application, statement):
    assert not done_by_the_role(statement, application)


@pytest.mark.parametrize("statement", OTHERS_WORK)
def test_a_champion_that_the_role_moves_by_sql_alone_is_found_and_reaches_nobody(
    application, tmp_path, statement
):
    assert not unseen_move(statement, application, tmp_path)


def test_the_owner_could_so_the_test_above_can_fail(owner):
    with open_store(owner) as store:
        bring(store, State.CHAMPION, "a")
        run(owner, "UPDATE ledger SET actor = 'eve'")
        assert audit(store)


def test_protecting_again_takes_back_what_was_granted_by_hand(owner, application):
    run(owner, f"GRANT ALL ON ledger TO {ROLE}")
    run(application, "UPDATE ledger SET actor = actor")

    assert protect_ledger(owner, ROLE) == RIGHTS
    with pytest.raises(InsufficientPrivilege):
        run(application, "UPDATE ledger SET actor = actor")


@pytest.mark.parametrize(
    "grant",
    ["GRANT DELETE ON ledger TO PUBLIC", "GRANT UPDATE (actor) ON ledger TO PUBLIC"],
)
def test_a_right_that_comes_another_way_is_refused_not_passed_over(owner, grant):
    run(owner, grant)

    with pytest.raises(Refused, match="by PUBLIC"):
        protect_ledger(owner, ROLE)


def test_the_owner_is_no_application_role(owner):
    with pytest.raises(Refused, match="owns the ledger or is a superuser"):
        protect_ledger(owner, str(make_url(owner).username))


def test_the_application_cannot_give_itself_rights(application):
    with pytest.raises(Refused, match="only the owner"):
        protect_ledger(application, ROLE)


def test_a_role_that_may_not_make_roles_is_told_so(owner, application):
    run(owner, f"ALTER TABLE ledger OWNER TO {ROLE}")
    try:
        with pytest.raises(UserError, match="refused: permission denied to create role"):
            protect_ledger(application, "another")
    finally:
        run(owner, "ALTER TABLE ledger OWNER TO CURRENT_USER")


@pytest.mark.parametrize("role", ["", "App", "a b", "a;drop", "1a", 'a"'])
def test_an_odd_name_is_refused(role):
    with pytest.raises(ConfigError, match="name the role"):
        protect_ledger("postgresql://nobody@127.0.0.1:1/none", role)


def test_sqlite_knows_no_roles(tmp_path):
    with pytest.raises(ConfigError, match="SQLite knows no roles"):
        protect_ledger(f"sqlite:///{tmp_path}/sluice.db", ROLE)
