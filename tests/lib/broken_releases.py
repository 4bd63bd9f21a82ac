"""G8: releases that are whole, agree with themselves, are correctly signed, and are broken.

A server that serves another release is told to take each. It must refuse it, or serve it well; it
must not die, and must answer every request meanwhile as before.
"""

import asyncio
import faulthandler
import io
import json
import os
import random
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sluice.data.digest import file_digest
from sluice.data.files import Files
from sluice.errors import SluiceError
from sluice.registry.keys import KeyRing
from sluice.registry.pointer import Pointer, write_pointer
from sluice.registry.signature import signature_path, signed_statement
from sluice.serving import release as releases
from sluice.serving.following import Verification
from sluice.serving.manifest import MANIFEST_NAME, parse_manifest
from sluice.serving.ranking_server import RankingServer
from sluice.serving.request import RankRequest
from sluice.serving.sandbox import Limits
from sluice.serving.source import PointerSource
from sluice.serving.trust import Trust, signed_files
from tests.lib.forked import Child, Say
from tests.lib.releases import END, ITEM_IDS, tree_release

LIMITS = Limits(cpu_seconds=10, memory_bytes=4 << 30, wall_seconds=20.0)
MODEL, ARRAYS = "model/model.txt", "state/state.npz"
JSON_FILES = (
    "arrangement.json", "features.json", "golden.json", "manifest.json", "model/ranker.json",
    "state/ids.json", "state/state.json",
)  # fmt: skip
_BOMB_MEGABYTES = 6000
Break = Callable[[Path, random.Random], None]


def model_text(change: Callable[[str, random.Random], str]) -> Break:
    def broken(folder: Path, rng: random.Random) -> None:
        (folder / MODEL).write_text(_sized(change((folder / MODEL).read_text(), rng)))

    return broken


def _sized(text: str) -> str:
    """The header tells each tree's size; a change is to get further than to that check."""
    sizes = [len(tree) for tree in re.findall(r"Tree=\d+\n.*?\n\n\n", text, re.DOTALL)]
    return re.sub(r"tree_sizes=.*", f"tree_sizes={' '.join(map(str, sizes))}", text)


def flipped(content: bytes, rng: random.Random) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 3, 30))):
        found[rng.randrange(len(found))] ^= 1 << rng.randrange(7)
    return bytes(found)


def bits_of_the_model(folder: Path, rng: random.Random) -> None:
    (folder / MODEL).write_bytes(flipped((folder / MODEL).read_bytes(), rng))


def other_number(text: str, rng: random.Random) -> str:
    """One number of the trees is another: a child, a feature, a threshold, a count."""
    numbers = list(
        re.finditer(r"(?<=[= ])-?\d+(?=[ \n])", text[: text.index("end of trees")])
    )
    chosen = rng.choice(numbers)
    value = rng.choice(
        ("-1", "0", "1", "7", "2147483647", "-2147483648", "99999999999", "nan", "1e308")
    )
    return text[: chosen.start()] + value + text[chosen.end() :]


def a_cycle(text: str, rng: random.Random) -> str:
    """A node is its own descendant: whoever walks down never arrives."""
    return re.sub(
        r"(left|right)_child=(.*)",
        lambda found: f"{found[1]}_child={' '.join('0' for _ in found[2].split())}",
        text,
    )


def many_leaves(text: str, rng: random.Random) -> str:
    """Room is asked for that no machine has."""
    number = rng.choice((10**6, 10**9, 2**31 - 1))
    return re.sub(r"num_leaves=\d+", f"num_leaves={number}", text)


def longer(text: str, rng: random.Random) -> str:
    return text.replace("threshold=", "threshold=" + "9" * rng.choice((10**3, 10**7)), 1)


def cut(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def some_json(folder: Path, rng: random.Random) -> None:
    """A bit of a JSON file is another, or it nests deeper than a reader may go."""
    path = folder / rng.choice(JSON_FILES)
    if rng.random() < 0.3:
        path.write_bytes(b"[" * 200_000)
    else:
        path.write_bytes(flipped(path.read_bytes(), rng))


def another_value(folder: Path, rng: random.Random) -> None:
    """One value of the state is another: a code, a time, a count, a key."""
    arrays = _arrays(folder)
    name = rng.choice([name for name, array in arrays.items() if array.size])
    array = arrays[name].copy()
    most = np.iinfo(array.dtype).max if array.dtype.kind == "i" else 1e300
    values = (0, 1, -1, 5, 1000, most, -most) if array.dtype.kind in "if" else (0, 1)
    array.reshape(-1)[rng.randrange(array.size)] = rng.choice(values)
    _save(folder, arrays | {name: array})


def another_shape(folder: Path, rng: random.Random) -> None:
    arrays = _arrays(folder)
    name = rng.choice(list(arrays))
    changes = (
        lambda array: array[: len(array) // 2],
        lambda array: np.concatenate([array, array]),
        lambda array: array.astype(np.float16),
        lambda array: array.reshape(-1),
        lambda array: array[:0],
    )
    _save(folder, arrays | {name: rng.choice(changes)(arrays[name])})


def a_missing_array(folder: Path, rng: random.Random) -> None:
    arrays = _arrays(folder)
    arrays.pop(rng.choice(list(arrays)))
    _save(folder, arrays)


def a_pickle(folder: Path, rng: random.Random) -> None:
    """An array that runs code where it is read by a careless reader."""
    arrays: dict[str, np.ndarray] = _arrays(folder)
    name = rng.choice(list(arrays))
    _save(folder, arrays | {name: np.array([_Runs()], dtype=object)})


def a_bomb(folder: Path, rng: random.Random) -> None:
    """Some kilobytes that unpack to more than there is room for."""
    arrays = _arrays(folder)
    name = rng.choice(list(arrays))
    arrays.pop(name)
    _save(folder, arrays)
    header = io.BytesIO()
    length = _BOMB_MEGABYTES << 17
    about = {"descr": "<i8", "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(header, about)
    with (
        zipfile.ZipFile(
            folder / ARRAYS, "a", zipfile.ZIP_DEFLATED, compresslevel=1
        ) as archive,
        archive.open(f"{name}.npy", "w", force_zip64=True) as member,
    ):
        member.write(header.getvalue())
        member.write(bytes(1 << 24))  # and no more: its header alone asks for the room


class _Runs:
    def __reduce__(self):
        return exec, ("import os; os._exit(0)",)


def _arrays(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / ARRAYS, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _save(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(folder / ARRAYS, allow_pickle=True, **arrays)


BREAKS: dict[str, Break] = {
    "a number of a tree": model_text(other_number),
    "a value of the state": another_value,
    "bits of the model": bits_of_the_model,
    "a shape of the state": another_shape,
    "JSON": some_json,
    "a tree with a cycle": model_text(a_cycle),
    "a tree of many leaves": model_text(many_leaves),
    "a number of many digits": model_text(longer),
    "a model cut short": model_text(cut),
    "an array too few": a_missing_array,
    "a pickle": a_pickle,
    "a bomb": a_bomb,
}  # fmt: skip


@dataclass(frozen=True)
class Yard:
    """A folder of releases, all signed by one trusted key; the first is sound."""

    folder: Path
    sound: str

    @classmethod
    def make(cls, folder: Path) -> "Yard":
        yard = cls(folder, tree_release(folder / "releases"))
        yard.keys.generate()
        yard.sign(yard.sound)
        return yard

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.folder / "keys")

    @property
    def releases(self) -> Path:
        return self.folder / "releases"

    def broken(self, kind: str, seed: int) -> str:
        """A release of the sound one's files with one thing broken; returns its digest."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(self.releases / self.sound, draft)
        BREAKS[kind](draft, random.Random(f"{kind} {seed}"))
        digest = _agreed(draft)
        shutil.rmtree(self.releases / digest, ignore_errors=True)
        draft.rename(self.releases / digest)
        self.sign(digest)
        return digest

    def sign(self, digest: str) -> None:
        content = (self.releases / digest / MANIFEST_NAME).read_bytes()
        try:
            files = signed_files(parse_manifest(content))
        except SluiceError:
            return  # a manifest that nobody can read cannot be signed either
        path = signature_path(self.folder / "signatures", digest)
        path.parent.mkdir(exist_ok=True)
        key = self.keys.signing_or_new()
        path.write_bytes(signed_statement(digest, files, {"release": digest}, key))

    def server(self) -> RankingServer:
        return RankingServer(
            PointerSource(self.folder / "serving", "for_you", self.releases, self.keys),
            self.folder / "predictions",
            lambda: END,
            verification=Verification(
                LIMITS, Trust(self.keys, self.folder / "signatures", required=True)
            ),
        )

    def point(self, digest: str, epoch: int) -> None:
        pointer = Pointer("for_you", epoch, digest, epoch)
        write_pointer(self.folder / "serving", pointer, self.keys)


def _agreed(folder: Path) -> str:
    """Let the state's own list of digests and the manifest agree with what lies there."""
    state, manifest = folder / "state" / "state.json", folder / MANIFEST_NAME
    try:
        meta = json.loads(state.read_bytes())
        meta["digests"] = {
            name: file_digest(folder / "state" / name) for name in meta["digests"]
        }
        state.write_text(json.dumps(meta, indent=2, sort_keys=True))
    except (ValueError, KeyError, TypeError, RecursionError):
        pass  # it is the broken one
    try:
        listed = json.loads(manifest.read_bytes())
        for name in listed["files"]:
            path = folder / name
            listed["files"][name] = {
                "sha256": file_digest(path),
                "bytes": path.stat().st_size,
            }
        manifest.write_text(
            json.dumps(listed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        )
    except (ValueError, KeyError, TypeError, RecursionError, OSError):
        pass  # it is the broken one
    return file_digest(manifest)


def seeds(count: int) -> Iterator[tuple[str, int]]:
    """Kinds in turn, each with seeds of its own."""
    kinds = list(BREAKS)
    for nth in range(count):
        yield kinds[nth % len(kinds)], nth // len(kinds)


def contained(yard: Yard, asked: Sequence[tuple[str, int]]) -> dict[str, str]:
    """What is wrong with each: empty where the server lived and its champion answered all along."""
    found: dict[str, str] = {}
    left = list(asked)
    while left:
        said = Child.start(partial(_serve, yard, tuple(left))).end().said
        told = [each for each in said if isinstance(each, tuple)]
        fell = [each for each in said if isinstance(each, str)]
        begun = [name for name, wrong in told if wrong is None]
        if not begun:
            raise AssertionError(f"the server did not start: {said}")
        found[begun[-1]] = f"the server died of it: {' '.join(fell) or 'killed'}"
        found |= {name: wrong for name, wrong in told if wrong is not None}
        left = left[len(begun) :]
    return found


ASKED = tuple(
    RankRequest(f"user{number}", (*ITEM_IDS[number:], "never seen"), END, {}, None)
    for number in range(8)
)


def _serve(yard: Yard, asked: Sequence[tuple[str, int]], say: Say) -> None:
    os.dup2(2, 1)  # LightGBM's warnings are no part of what the parent prints
    faulthandler.disable()  # nor is how a mutant dies
    asyncio.run(_follow(yard, asked, say))


async def _follow(yard: Yard, asked: Sequence[tuple[str, int]], say: Say) -> None:
    shutil.rmtree(yard.folder / "serving", ignore_errors=True)  # of one that died before it
    server, epoch = yard.server(), 1
    yard.point(yard.sound, epoch)
    await server.look()
    expected = _answers(server)
    for kind, seed in asked:
        name = f"{kind}, {seed}"
        digest = yard.broken(kind, seed)
        say((name, None))
        yard.point(digest, epoch := epoch + 1)
        looking, wrong = asyncio.create_task(server.look()), ""
        while not looking.done():
            if server.serving and server.serving.release.digest == yard.sound:
                wrong = wrong or _differs(_answers(server), expected)
            await asyncio.sleep(0.02)
        if error := looking.exception():
            wrong = f"the server stopped looking: {type(error).__name__}: {error}"
        if server.serving and server.serving.release.digest == yard.sound:
            wrong = wrong or _differs(_answers(server), expected)
        else:
            _answers(server)  # taken, for every golden request is answered as recorded
            yard.point(yard.sound, epoch := epoch + 1)
            await server.look()
        say((name, wrong))
        shutil.rmtree(yard.releases / digest)
    await server.stop()


def _answers(server: RankingServer) -> list[list[float]]:
    return [
        [score for _, score, _ in sorted(server.rank(each, "r").items)] for each in ASKED
    ]


def _differs(found: list[list[float]], expected: list[list[float]]) -> str:
    return "" if found == expected else "the champion answered otherwise than before"


def no_child() -> tuple[object, str, object]:
    """G8: a release is tried in the server's own process."""

    def here(files: Files, limits: Limits) -> list[list[float]]:
        scorer = releases.load_scorer(files)
        golden = releases.decode_golden(files.read(releases.GOLDEN_NAME))
        return [scorer.scores(each.request).tolist() for each in golden]

    return releases, "score_in_child", here
