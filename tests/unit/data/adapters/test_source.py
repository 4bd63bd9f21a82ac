"""What every adapter answers to an unknown, missing, damaged or packed input."""

import gzip
import random
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sluice.data import parquet
from sluice.data.adapters import SOURCES, read_source
from sluice.errors import ConfigError, DataError, SchemaError
from tests.lib.sources import MINIATURES, behaviors

FILES = [
    ("ebnerd", "behaviors.parquet"),
    ("ebnerd", "history.parquet"),
    ("letor", "S1.txt"),
    ("mind", "behaviors.tsv"),
    ("mind", "news.tsv"),
    ("movielens", "tiny.inter"),
    ("movielens", "tiny.item"),
    ("open_bandit", "men.csv"),
    ("open_bandit", "item_context.csv"),
]
TEXTS = [(source, name) for source, name in FILES if source != "ebnerd"]
WITH_HEADER = [
    (source, name) for source, name in TEXTS if source in {"movielens", "open_bandit"}
]
DAMAGE = {
    "empty": lambda _: b"",
    "blank": lambda _: b" \n\n",
    "gzip": gzip.compress,
    "noise": lambda content: random.Random(7).randbytes(len(content)),
    "padded with NUL": lambda content: content[: len(content) // 2] + bytes(100),
}
TEXT_DAMAGE = {
    "UTF-16": lambda content: content.decode().encode("utf-16"),
    "byte-order mark": lambda content: b"\xef\xbb\xbf" + content,
    "Latin-1": lambda content: content + "blå\n".encode("latin-1"),
    "a field of 10 MB": lambda content: content.rstrip() + b"x" * 10_000_000 + b"\n",
}


def damaged(folder, source, name, damage):
    path = MINIATURES[source](folder) / name
    path.write_bytes(damage(path.read_bytes()))
    started = time.perf_counter()
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        read_source(source, folder)
    assert time.perf_counter() - started < 5


def answer(folder):
    try:
        return read_source("ebnerd", folder)
    except DataError as error:
        return error


def test_an_unknown_source_is_refused_with_those_there_are(tmp_path):
    with pytest.raises(ConfigError, match=r"no source 'netflix'.*ebnerd, letor, mind"):
        read_source("netflix", tmp_path)


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_that_is_not_there_is_refused(tmp_path, source):
    with pytest.raises(DataError, match="no such folder"):
        read_source(source, tmp_path / "nowhere")


@pytest.mark.parametrize("source", SOURCES)
def test_a_folder_without_the_files_is_refused_with_what_is_there(tmp_path, source):
    (tmp_path / "holiday.jpg").write_bytes(b"")

    with pytest.raises(DataError, match=r"expected .*there is holiday\.jpg"):
        read_source(source, tmp_path)


@pytest.mark.parametrize("source", SOURCES)
def test_the_surface_is_the_callers_to_name(tmp_path, source):
    tables = read_source(source, MINIATURES[source](tmp_path), surface="search")

    assert tables.exposures["surface"].unique().to_list() == ["search"]


@pytest.mark.parametrize(("source", "name"), FILES)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_refused_by_name(tmp_path, source, name, damage):
    damaged(tmp_path, source, name, DAMAGE[damage])


@pytest.mark.parametrize(("source", "name"), TEXTS)
@pytest.mark.parametrize("damage", TEXT_DAMAGE)
def test_a_text_in_another_form_is_refused_by_name(tmp_path, source, name, damage):
    damaged(tmp_path, source, name, TEXT_DAMAGE[damage])


@pytest.mark.parametrize(("source", "name"), WITH_HEADER)
def test_a_header_without_a_row_is_refused(tmp_path, source, name):
    damaged(tmp_path, source, name, lambda content: content.partition(b"\n")[0] + b"\n")


@pytest.mark.parametrize(("source", "name"), WITH_HEADER)
def test_a_duplicated_column_is_refused(tmp_path, source, name):
    separator = b"," if source == "open_bandit" else b"\t"
    path = MINIATURES[source](tmp_path) / name
    lines = path.read_bytes().splitlines()
    doubled = [line + separator + line.split(separator)[1] for line in lines]
    path.write_bytes(b"\n".join(doubled))

    with pytest.raises(SchemaError, match="duplicated column"):
        read_source(source, tmp_path)


def test_a_duplicated_parquet_column_is_refused(tmp_path):
    folder = MINIATURES["ebnerd"](tmp_path)
    table = behaviors().to_arrow()
    doubled = pa.Table.from_arrays(
        [*table.columns, table["user_id"]], [*table.column_names, "user_id"]
    )
    pq.write_table(doubled, folder / "behaviors.parquet")

    with pytest.raises(SchemaError, match=r"behaviors\.parquet: duplicated column user_id"):
        read_source("ebnerd", folder)


def test_a_parquet_file_without_rows_is_refused(tmp_path):
    folder = MINIATURES["ebnerd"](tmp_path)
    behaviors().clear().write_parquet(folder / "behaviors.parquet")

    with pytest.raises(DataError, match=r"behaviors\.parquet: holds columns and no row"):
        read_source("ebnerd", folder)


@pytest.mark.parametrize("limit", ["MAX_ROWS", "MAX_UNPACKED"])
def test_a_parquet_file_that_unpacks_to_too_much_is_refused_unread(
    tmp_path, monkeypatch, limit
):
    monkeypatch.setattr(parquet, limit, 2)  # the real limits take gigabytes to reach

    with pytest.raises(DataError, match=r"behaviors\.parquet: unpacks to .*split the file"):
        read_source("ebnerd", MINIATURES["ebnerd"](tmp_path))


@pytest.mark.parametrize("seed", range(60))
def test_a_flipped_bit_or_a_cut_is_a_typed_error_or_still_a_log(tmp_path, seed):
    """Parquet carries no checksum of its own: damage is found, or it is another value."""
    rng = random.Random(seed)
    path = MINIATURES["ebnerd"](tmp_path) / "behaviors.parquet"
    content = bytearray(path.read_bytes())
    if seed % 3:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    else:
        del content[rng.randrange(len(content)) :]
    path.write_bytes(content)

    found = answer(tmp_path)

    if isinstance(found, DataError):
        assert "behaviors.parquet" in str(found)
    else:
        assert seed % 3, "a truncated file was read"
        assert found.exposures.height > 0
