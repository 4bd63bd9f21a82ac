"""The five roles on PostgreSQL: each does its own work, nobody another's, and nobody tampers."""

import pytest
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from sluice.errors import ConfigError, Refused, UserError
from sluice.registry.audit import audit
from sluice.registry.pointer import PointerReceiver
from sluice.registry.promotion import champion_of
from sluice.registry.relay import relay
from sluice.store import open_store
from sluice.store.content import KINDS
from sluice.store.record import State
from sluice.store.records import LedgerRow, OutboxRow
from sluice.store.role_matrix import RIGHTS, TABLE_NAMES, Role
from sluice.store.roles import protect
from tests.lib import promotions as lib
from tests.lib.promotions import bring
from tests.lib.sql_roles import (
    ALL_RIGHTS,
    OTHERS_WORK,
    TAMPERINGS,
    account,
    owners,
    protected,
    run,
    tampered,
    unseen_move,
    wrong_cells,
)


@pytest.fixture
def owner(postgres):
    with owners(postgres) as url:
        yield url


def test_every_cell_of_the_matrix_is_as_declared(postgres):
    with protected(postgres) as owner:
        wrong = [each for each in wrong_cells(owner) if each]
        assert wrong == []

        for statement in ALL_RIGHTS:
            run(owner, statement)
        wrong = "\n".join(wrong_cells(owner))
    assert "trainer may: INSERT INTO ledger" in wrong
    assert 'trainer may: UPDATE "verdict"' in wrong
    assert "trainer moved 1 from in_review to approved" in wrong
    assert "trainer moved 1 from gated to champion" in wrong


def test_each_role_does_its_own_work_and_no_other(owner, tmp_path):
    protect(owner)
    roles = {role: open_store(account(owner, role)) for role in RIGHTS}
    trainer, reviewer, promoter = (
        roles[each] for each in (Role.TRAINER, Role.REVIEWER, Role.PROMOTER)
    )

    version = bring(trainer, State.IN_REVIEW)
    with pytest.raises(Refused, match="keeps this from the account 'trainer_account'"):
        lib.approve(trainer, version)
    with pytest.raises(Refused, match="see `sluice audit protect`"):
        lib.approve(promoter, version)
    lib.approve(reviewer, version)
    with pytest.raises(Refused):
        lib.promote(trainer, version)
    with pytest.raises(Refused):
        lib.promote(reviewer, version)
    lib.promote(promoter, version)
    lib.confirm(promoter, version)
    lib.promote(promoter, _approved(trainer, reviewer))
    lib.rollback(promoter)
    relay(promoter, [PointerReceiver(tmp_path)])

    reader = roles[Role.READER]
    assert champion_of(reader, "feed").version == 1
    assert reader.find(OutboxRow, delivered=False) == ()
    assert audit(reader, pointers=tmp_path, reviews=lib.TRUST) == []
    assert [reader.find(kind) for kind in KINDS]
    assert {row.ran_by for row in reader.find(LedgerRow)} == {
        "trainer_account", "reviewer_account", "promoter_account",
    }  # fmt: skip
    with pytest.raises(Refused):
        bring(reader, State.CANDIDATE, "c")
    for each in roles.values():
        each.close()


def _approved(trainer, reviewer):
    version = bring(trainer, State.IN_REVIEW, "b")
    lib.approve(reviewer, version)
    return version


def test_an_account_cannot_reach_past_its_role(owner):
    protect(owner)
    for role in (Role.TRAINER, Role.PROMOTER):
        url = account(owner, role)
        assert [each for each in TAMPERINGS if tampered(each, url)] == []


@pytest.mark.parametrize("statement", OTHERS_WORK)
def test_a_champion_that_the_promoter_moves_by_sql_alone_is_found_and_reaches_nobody(
    owner, tmp_path, statement
):
    protect(owner)
    assert not unseen_move(statement, owner, tmp_path)


def test_the_role_of_before_and_what_was_granted_by_hand_is_taken_back(owner):
    run(owner, "DROP ROLE IF EXISTS sluice_app")
    run(owner, "CREATE ROLE sluice_app LOGIN")
    run(owner, "GRANT ALL ON ALL TABLES IN SCHEMA public TO sluice_app, PUBLIC")
    application = make_url(owner).set(username="sluice_app")
    url = application.render_as_string(hide_password=False)
    run(url, "UPDATE champion SET epoch = 1")

    for _ in range(2):
        told = protect(owner)
    assert told["sluice_reader"] == dict.fromkeys(TABLE_NAMES, "SELECT")
    for table in TABLE_NAMES:
        with pytest.raises(InsufficientPrivilege):
            run(url, f'SELECT FROM "{table}"')
    run(owner, "DROP OWNED BY sluice_app")


def test_a_right_that_comes_by_another_role_is_refused_not_passed_over(owner):
    protect(owner)
    run(owner, "GRANT sluice_reviewer TO sluice_trainer")
    run(owner, "GRANT sluice_promoter TO sluice_reader")
    try:
        with pytest.raises(Refused, match="by another role it is in"):
            protect(owner)
        run(owner, "GRANT sluice_migrator TO sluice_trainer")
        with pytest.raises(Refused, match="owns the ledger, is in the role that does"):
            protect(owner)
    finally:
        run(owner, "REVOKE sluice_reviewer, sluice_migrator FROM sluice_trainer")
        run(owner, "REVOKE sluice_promoter FROM sluice_reader")


def test_an_account_cannot_give_itself_rights(owner):
    protect(owner)
    with pytest.raises(Refused, match="only the owner"):
        protect(account(owner, Role.PROMOTER))


@pytest.mark.parametrize("prefix", ["", "App", "a b", "a;drop", "1a", 'a"'])
def test_an_odd_prefix_is_refused(prefix):
    with pytest.raises(ConfigError, match="name the roles' prefix"):
        protect("postgresql://nobody@127.0.0.1:1/none", prefix)


def test_a_server_that_is_not_there_is_told_of():
    with pytest.raises(UserError, match="refused"):
        protect("postgresql://nobody@127.0.0.1:1/none")


def test_sqlite_knows_no_roles(tmp_path):
    with pytest.raises(ConfigError, match="SQLite knows no roles"):
        protect(f"sqlite:///{tmp_path}/sluice.db")
