import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from sluice.errors import UserError
from sluice.store.engine import connect, parse_url, shown

PASSWORD = "hunter2"


@pytest.mark.parametrize(
    ("text", "driver", "name"),
    [
        (
            "sqlite:////var/a folder/sluice.db",
            "sqlite",
            "sqlite:////var/a folder/sluice.db",
        ),
        ("sqlite:///relative.db", "sqlite", "sqlite:///relative.db"),
        (
            f"postgresql://ann:{PASSWORD}@db/sluice",
            "postgresql+psycopg",
            "postgresql://db/sluice",
        ),
        (
            f"postgres://ann:{PASSWORD}@db:5/sluice",
            "postgresql+psycopg",
            "postgresql://db/sluice",
        ),
        (
            f"postgresql+psycopg://db/s?password={PASSWORD}",
            "postgresql+psycopg",
            "postgresql://db/s",
        ),
        ("postgresql:///s?host=/run/pg", "postgresql+psycopg", "postgresql:///run/pg/s"),
    ],
)
def test_a_url_gets_our_driver_and_is_shown_without_its_secrets(text, driver, name):
    url = parse_url(text)

    assert url.drivername == driver
    assert shown(url) == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{PASSWORD}", "cannot be read"),
        (f"postgresql://ann:{PASSWORD}@db:port/s", "cannot be read"),
        (f"mysql://ann:{PASSWORD}@db/s", "asks for mysql"),
        ("", "cannot be read"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:////var/what?/sluice.db", "must name a file"),
    ],
)
def test_a_url_that_cannot_be_obeyed_is_refused_without_repeating_it(text, why):
    with pytest.raises(UserError, match=why) as raised:
        parse_url(text)
    assert PASSWORD not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(("asked", "seconds"), [("", "4"), ("?connect_timeout=60", "60")])
def test_the_urls_own_time_to_connect_counts(monkeypatch, asked, seconds):
    handed = {}

    def refused(*_: object, **options: object):
        handed.update(options)
        raise psycopg.OperationalError("not here")

    monkeypatch.setattr(psycopg, "connect", refused)
    engine = connect(parse_url(f"postgresql://nobody@127.0.0.1/none{asked}"))
    with pytest.raises(OperationalError):
        engine.connect()

    assert str(handed["connect_timeout"]) == seconds
