import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from sluice.data.digest import file_digest
from sluice.data.files import Files
from sluice.errors import IntegrityError, NotFound
from sluice.serving import custody
from sluice.serving.custody import check_bytes
from sluice.serving.golden import decode_golden
from sluice.serving.manifest import MANIFEST_NAME
from sluice.serving.parcel import parcelled, unparcelled
from sluice.serving.release import build_release, load_scorer, open_release, verify_release
from sluice.serving.sandbox import Limits
from tests.lib import swapped_files
from tests.lib.machine_mutants import mutated
from tests.lib.releases import (
    MEMBERS,
    fitted_release,
    small_provenance,
    small_release,
    small_scorer,
    tree_release,
)

FILES = (
    "manifest.json",
    "arrangement.json",
    "features.json",
    "golden.json",
    "model/ranker.json",
    "state/state.json",
    "state/ids.json",
    "state/state.npz",
)


def flip(path, bit=3):
    """Flip one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1 << bit
    path.write_bytes(content)


def forge(folder, name, content):
    """Replace a file and write a manifest that agrees with it, as a careless builder would."""
    (folder / name).write_bytes(content)
    manifest = check_manifest(folder)
    entry = {"sha256": file_digest(folder / name), "bytes": len(content)}
    manifest["files"][name] = entry
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    (folder / MANIFEST_NAME).write_text(text)
    return file_digest(folder / MANIFEST_NAME)


def check_manifest(folder):
    return json.loads((folder / MANIFEST_NAME).read_bytes())


def test_a_release_holds_exactly_the_expected_files(pristine):
    found = {
        path.relative_to(pristine).as_posix()
        for path in pristine.rglob("*")
        if path.is_file()
    }

    assert found == set(FILES)
    assert file_digest(pristine / MANIFEST_NAME) == pristine.name


def test_the_same_inputs_give_the_same_digest_and_another_version_another(
    pristine, tmp_path
):
    again, other = small_release(tmp_path), small_release(tmp_path, version=2)

    assert again == pristine.name
    assert small_release(tmp_path) == again
    assert other != again
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([again, other])


def test_a_release_without_golden_requests_is_not_built(tmp_path):
    with pytest.raises(IntegrityError, match="golden"):
        build_release(tmp_path, small_provenance(), small_scorer(), ())

    assert not list(tmp_path.iterdir())


def test_an_opened_release_scores_as_recorded(pristine):
    opened = open_release(pristine, pristine.name)

    assert opened.manifest.provenance == small_provenance()
    for one in opened.golden:
        np.testing.assert_array_equal(opened.scorer.scores(one.request), one.scores)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("bit", [0, 7])
def test_one_flipped_bit_is_refused_and_names_the_file(release, name, bit):
    flip(release / name, bit)

    with pytest.raises(IntegrityError, match=name):
        check_bytes(release, release.name)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_refused_before_the_file_is_parsed(release, name, monkeypatch):
    flip(release / name)

    def parsed(*_):
        raise AssertionError("a file was parsed before its digest was checked")

    monkeypatch.setattr("sluice.serving.release.decode_golden", parsed)
    monkeypatch.setattr("sluice.serving.release.score_in_child", parsed)
    monkeypatch.setattr("sluice.serving.release.load_scorer", parsed)
    if name == MANIFEST_NAME:
        monkeypatch.setattr("sluice.serving.custody.parse_manifest", parsed)

    with pytest.raises(IntegrityError):
        open_release(release, release.name)


def test_only_the_digest_check_finds_a_bit_that_changes_a_score_plausibly(
    release, monkeypatch
):
    """The mutant: without the check on digests, this damage would be loaded and served."""
    path = release / "golden.json"
    path.write_bytes(path.read_bytes().replace(b'"user0"', b'"user1"', 1))

    with pytest.raises(IntegrityError, match=r"golden\.json"):
        verify_release(release, release.name)
    monkeypatch.setattr(custody, "_check_file", lambda *_: None)

    check_bytes(release, release.name)


def _add(folder):
    (folder / "model" / "code.py").write_text("print('run me')")


def _add_pickle(folder):
    (folder / "model" / "ranker.pkl").write_bytes(b"\x80\x04N.")


def _add_unlisted(folder):
    (folder / "model" / "extra.json").write_text("{}")


def _remove(folder):
    (folder / "state" / "ids.json").unlink()


def _truncate(folder):
    path = folder / "state" / "state.npz"
    path.write_bytes(path.read_bytes()[:-1])


def _swap(folder):
    left, right = folder / "state" / "state.json", folder / "state" / "ids.json"
    kept = left.read_bytes()
    left.write_bytes(right.read_bytes())
    right.write_bytes(kept)


def _link(folder):
    (folder / "golden.json").rename(folder.parent / "golden.json")
    (folder / "golden.json").symlink_to(folder.parent / "golden.json")


def _link_folder(folder):
    (folder / "model").rename(folder.parent / "elsewhere")
    (folder / "model").symlink_to(folder.parent / "elsewhere")


def _hard_link(folder):
    os.link(folder / "golden.json", folder.parent / "second name")


def _nest(folder):
    (folder / "model" / "deeper").mkdir()


def _collide(folder):
    (folder / "Golden.json").write_bytes((folder / "golden.json").read_bytes())


def _fifo(folder):
    (folder / "golden.json").unlink()
    os.mkfifo(folder / "golden.json")


def _many(folder):
    for number in range(100):
        (folder / "model" / f"part{number}.json").write_text("{}")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_add, "model/code.py"),
        (_add_pickle, "model/ranker.pkl"),
        (_add_unlisted, "model/extra.json"),
        (_remove, "state/ids.json"),
        (_truncate, "state/state.npz"),
        (_swap, "state/ids.json"),
        (_link, "golden.json"),
        (_link_folder, "model"),
        (_hard_link, "golden.json"),
        (_nest, "model/deeper"),
        (_collide, "Golden.json"),
        (_fifo, "golden.json"),
        (_many, "more than"),
    ],
)
def test_a_folder_that_is_not_exactly_the_release_is_refused(release, damage, told):
    damage(release)

    with pytest.raises(IntegrityError, match=told):
        check_bytes(release, release.name)


@pytest.mark.parametrize(
    "name",
    [
        "model/ranker.pkl",
        "model/code.py",
        "model/MLmodel",
        "model/model.txt.gz",
        "readme.md",
    ],
)
def test_a_file_that_no_release_may_hold_is_refused_although_it_is_listed(release, name):
    digest = forge(release, name, b"\x80\x04N.")

    with pytest.raises(IntegrityError, match="not a file that a release may hold"):
        check_bytes(release, digest)


@pytest.mark.parametrize("cap", ["MAX_FILE_BYTES", "MAX_TOTAL_BYTES", "MAX_MANIFEST_BYTES"])
def test_a_file_over_its_cap_is_refused_before_it_is_read(release, cap, monkeypatch):
    monkeypatch.setattr(custody, cap, 100)
    monkeypatch.setattr(custody, "file_bytes", lambda *_: pytest.fail("read"))

    with pytest.raises(IntegrityError, match="cap is 100"):
        check_bytes(release, release.name)


def test_an_unknown_release_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="no release folder"):
        verify_release(tmp_path / "none", "0" * 64)


def test_another_format_is_refused_by_name(release):
    manifest = check_manifest(release) | {"format": 1}
    (release / MANIFEST_NAME).write_text(json.dumps(manifest))

    with pytest.raises(IntegrityError, match="format"):
        check_bytes(release, file_digest(release / MANIFEST_NAME))


def test_a_listed_path_outside_the_release_is_refused(release):
    manifest = check_manifest(release)
    manifest["files"]["../outside.json"] = {"sha256": "0" * 64, "bytes": 0}
    (release.parent / "outside.json").write_bytes(b"")
    (release / MANIFEST_NAME).write_text(json.dumps(manifest))

    with pytest.raises(IntegrityError, match=r"outside\.json"):
        check_bytes(release, file_digest(release / MANIFEST_NAME))


def test_scores_that_differ_by_one_bit_are_refused_although_every_digest_agrees(release):
    golden = json.loads((release / "golden.json").read_bytes())
    first = float.fromhex(golden[0]["scores"][0])
    golden[0]["scores"][0] = float(np.nextafter(first, np.inf)).hex()
    digest = forge(release, "golden.json", json.dumps(golden).encode())

    with pytest.raises(IntegrityError, match="1 of 8 golden requests get other scores"):
        verify_release(release, digest)


def test_another_order_is_refused_although_every_digest_and_score_agrees(release):
    golden = json.loads((release / "golden.json").read_bytes())
    golden[1]["order"].reverse()
    digest = forge(release, "golden.json", json.dumps(golden).encode())

    with pytest.raises(IntegrityError, match="1 of 8 golden requests get another order"):
        open_release(release, digest)


def test_a_model_that_cannot_be_loaded_costs_only_the_child(release):
    digest = forge(release, "state/state.npz", b"PK\x03\x04 broken")

    with pytest.raises(IntegrityError, match="trial load failed"):
        verify_release(release, digest)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(wall_seconds=0.05), "did not end in 0.05 s"),
        (Limits(memory_bytes=64 << 20), "trial load failed"),
    ],
)
def test_a_child_over_its_limits_is_ended_and_refused(pristine, limits, told):
    with pytest.raises(IntegrityError, match=told):
        open_release(pristine, pristine.name, limits)


def test_golden_requests_that_are_no_recording_are_refused(release):
    with pytest.raises(IntegrityError, match="recorded requests"):
        decode_golden(b'[{"user_id": 5}]')


def test_a_saved_scorer_is_the_scorer_that_was_built(pristine):
    built, loaded = small_scorer(), load_scorer(pristine)

    for one in decode_golden((pristine / "golden.json").read_bytes()):
        np.testing.assert_array_equal(
            built.state.features(one.request), loaded.state.features(one.request)
        )


@pytest.fixture(scope="module")
def tree_model(tmp_path_factory):
    into = tmp_path_factory.mktemp("trees")
    return into / tree_release(into)


def test_a_blend_of_trees_and_a_network_is_released(tmp_path):
    """A release has no folder in `model`; members lie side by side there."""
    digest = fitted_release(tmp_path, "blend", {"members": MEMBERS})
    release = open_release(tmp_path / digest, digest)

    assert release.scorer.ranker.family == "blend"
    assert {"model/member_0_model.txt", "model/member_1_network.npz"} <= set(
        release.manifest.files
    )


def test_what_a_library_prints_while_it_loads_is_no_answer_of_the_child(
    tree_model, tmp_path
):
    """LightGBM warns of a parameter that it does not know, on standard output."""
    folder = shutil.copytree(tree_model, tmp_path / "release")
    text = (folder / "model" / "model.txt").read_bytes()
    odd = text.replace(b"[boosting: gbdt]", b"[boosting: gbdt]\n[no_such: 1]", 1)
    digest = forge(folder, "model/model.txt", odd)

    assert verify_release(folder, digest).digest == digest


@pytest.mark.faults
@pytest.mark.parametrize(
    ("edit", "told"),
    [
        pytest.param(b"right_child=0 -3", "are no tree", id="own-child-never-ends"),
        pytest.param(b"right_child=99999999 -3", "are no tree", id="no-such-child-crashes"),
        pytest.param(b"right_child=1 -2", "are no tree", id="a-leaf-twice-scores-wrongly"),
    ],
)
def test_a_broken_tree_with_agreeing_digests_costs_only_the_child(
    tree_model, tmp_path, edit, told
):
    folder = shutil.copytree(tree_model, tmp_path / "release")
    content = (folder / "model" / "model.txt").read_bytes()
    # The header states the first tree's size, which the loader holds it against.
    longer = len(edit) - len(b"right_child=1 -3")
    size = int(content.partition(b"tree_sizes=")[2].partition(b" ")[0])
    content = content.replace(b"tree_sizes=%d" % size, b"tree_sizes=%d" % (size + longer))
    content = content.replace(b"right_child=1 -3", edit, 1)
    digest = forge(folder, "model/model.txt", content)

    with pytest.raises(IntegrityError, match=told):
        verify_release(folder, digest, Limits(cpu_seconds=6, wall_seconds=30.0))


def test_what_is_swapped_in_after_the_read_is_loaded_by_neither_server_nor_child(
    tree_model, tmp_path
):
    """Every file at once; `make faults` swaps each by itself."""
    expected = swapped_files.answers(open_release(tree_model, tree_model.name))
    copy = swapped_files.copied(tree_model, tmp_path / "copy")
    every = swapped_files.names(copy)

    assert MANIFEST_NAME in every
    assert swapped_files.MODEL in every
    assert swapped_files.served_after_a_swap(copy, every, expected) == ""


@pytest.mark.faults
@pytest.mark.parametrize(
    "mutant", swapped_files.MUTANTS, ids=lambda mutant: mutant.__name__
)
def test_it_is_red_where_the_path_is_opened_again(tree_model, tmp_path, mutant):
    expected = swapped_files.answers(open_release(tree_model, tree_model.name))
    copy = swapped_files.copied(tree_model, tmp_path / "copy")

    with mutated(mutant):
        assert swapped_files.served_after_a_swap(copy, (swapped_files.MODEL,), expected)


def test_a_parcel_holds_what_was_put_in_and_nobody_can_write_it():
    files = Files("release abc", {"a": b"one", "model/b": b"", "c": bytes(100_000)})

    with parcelled(files) as handle:
        assert unparcelled(handle) == files
        with pytest.raises(PermissionError):
            os.pwrite(handle, b"x", 0)
        with pytest.raises(PermissionError):
            os.ftruncate(handle, 0)
        # Whoever finds it in /proc cannot write it either.
        with (
            Path(f"/proc/self/fd/{handle}").open("r+b", buffering=0) as again,
            pytest.raises(PermissionError),
        ):
            again.write(b"x")


def test_a_parcel_that_can_still_be_written_is_not_opened(tmp_path):
    handle = os.memfd_create("open", os.MFD_ALLOW_SEALING)
    try:
        os.write(handle, b'{"source": "s", "sizes": {}}\n')
        with pytest.raises(IntegrityError, match="not sealed"):
            unparcelled(handle)
    finally:
        os.close(handle)
