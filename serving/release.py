"""A release: everything that serves one version, in a folder named by its digest.

```
<digest>/
├── manifest.json    provenance, and the digest of every other file and of the code that serves it in
│                    a Bento; its own digest is the release's
├── features.json    the surface's feature declaration and the columns it gives
├── arrangement.json the mechanisms that order what was scored, with their prices
├── golden.json      recorded requests with the scores and the order they must get
├── model/           the ranker, as `sluice.rankers.save_ranker` writes it
└── state/           the feature state, as `FeatureState.save` writes it
```

No file holds a time or a path: the same version gives the same release, wherever and whenever.
"""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sluice.data.atomic import folder_atomically
from sluice.data.digest import canonical_json
from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.feature_state import FeatureState
from sluice.mechanisms.arrangement import Arrangement
from sluice.rankers import load_ranker, save_ranker
from sluice.serving.bento_code import code_entries
from sluice.serving.custody import ReleaseBytes, file_entries, read_release
from sluice.serving.golden import (
    GOLDEN_NAME,
    GoldenRequest,
    decode_golden,
    encode_golden,
    mismatches,
)
from sluice.serving.manifest import MANIFEST_NAME, Manifest, Provenance
from sluice.serving.refusal import Unfit
from sluice.serving.sandbox import DEFAULT_LIMITS, Limits, score_in_child
from sluice.serving.scorer import Ranking, Scorer
from sluice.serving.trials import try_once
from sluice.serving.trust import Trust

FEATURES_NAME = "features.json"


class _Features(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    spec: FeatureSpec
    names: Annotated[tuple[str, ...], Field(strict=False)]


@dataclass(frozen=True)
class LoadedRelease:
    """A release whose bytes and golden scores were checked, ready to answer."""

    digest: str
    manifest: Manifest
    scorer: Scorer
    golden: tuple[GoldenRequest, ...]


def build_release(
    into: Path, provenance: Provenance, scorer: Scorer, golden: Sequence[GoldenRequest]
) -> str:
    """Write a release under `into` and return its digest; the same inputs give the same one.

    Raises:
        IntegrityError: there is no golden request, or a file that no release may hold was saved.
    """
    if not golden:
        raise IntegrityError(
            "a release needs golden requests, or nothing shows that it scores as approved"
        )
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".release.") as name:
        draft = Path(name)
        _write_content(draft, scorer, golden)
        manifest = Manifest(
            provenance=provenance,
            features=scorer.state.names,
            files=file_entries(draft),
            service=code_entries(),
        )
        (draft / MANIFEST_NAME).write_bytes(manifest.encoded())
        with folder_atomically(into / manifest.digest) as folder:
            shutil.copytree(draft, folder, dirs_exist_ok=True)
    return manifest.digest


def verify_release(
    folder: Path, digest: str, limits: Limits = DEFAULT_LIMITS, trust: Trust | None = None
) -> Manifest:
    """Check the bytes, then the signature, then let a child load them and repeat golden requests.

    Args:
        folder: of the release.
        digest: that it must have.
        limits: of the child.
        trust: whose signature is needed; none where nobody has promoted the release yet.

    Raises:
        NotFound: no such folder.
        IntegrityError: a file is not what the digest says or the signature does not count (then
            nothing was parsed), the child crashed or ran over its limits, or a score differs by a
            bit.
    """
    read, _ = _tried(folder, digest, limits, trust)
    return read.manifest


def open_release(
    folder: Path, digest: str, limits: Limits = DEFAULT_LIMITS, trust: Trust | None = None
) -> LoadedRelease:
    """Verify a release and load it into this process.

    The child and this process load the very bytes that were checked: the folder is read once, and
    whatever it holds afterwards is nobody's. The golden requests are repeated here as well, which
    also warms everything up.

    Raises:
        NotFound: no such folder.
        IntegrityError: as `verify_release`; nothing was loaded into this process.
    """
    read, golden = _tried(folder, digest, limits, trust)
    scorer = load_scorer(read.files)
    _check_features(read, scorer)
    rankings = [scorer.rank(example.request) for example in golden]
    _compare(digest, golden, [ranking.scores.tolist() for ranking in rankings])
    _compare_orders(digest, golden, rankings)
    return LoadedRelease(digest, read.manifest, scorer, golden)


def load_scorer(source: Path | Files) -> Scorer:
    """Load ranker, state and mechanisms.

    Args:
        source: the bytes of a release that were checked, or the folder of a candidate, which this
            installation made itself and nobody has approved.

    Raises:
        IntegrityError: a file is not what its `save` writes.
    """
    files = Files.of(source)
    return Scorer(
        load_ranker(files.under("model")),
        FeatureState.load(files.under("state")),
        Arrangement.load(files),
    )


def _tried(
    folder: Path, digest: str, limits: Limits, trust: Trust | None
) -> tuple[ReleaseBytes, tuple[GoldenRequest, ...]]:
    read = read_release(folder, digest)
    if trust:
        trust.check(read.manifest)
    golden = decode_golden(read.files.read(GOLDEN_NAME))
    try_once(digest, lambda: _compare(digest, golden, score_in_child(read.files, limits)))
    return read, golden


def _write_content(folder: Path, scorer: Scorer, golden: Sequence[GoldenRequest]) -> None:
    for part in ("model", "state"):
        (folder / part).mkdir()
    save_ranker(scorer.ranker, folder / "model")
    scorer.state.save(folder / "state")
    scorer.arrangement.save(folder)
    features = _Features(spec=scorer.state.spec, names=scorer.state.names)
    (folder / FEATURES_NAME).write_bytes(canonical_json(features.model_dump(mode="json")))
    (folder / GOLDEN_NAME).write_bytes(encode_golden(golden))


def _check_features(read: ReleaseBytes, scorer: Scorer) -> None:
    try:
        declared = _Features.model_validate_json(read.files.read(FEATURES_NAME))
    except ValidationError as error:
        raise IntegrityError(f"{FEATURES_NAME} is no feature declaration") from error
    if (
        not declared.names == read.manifest.features == scorer.state.names
        or declared.spec != scorer.state.spec
    ):
        raise IntegrityError(
            f"{FEATURES_NAME}, {MANIFEST_NAME} and state/ declare different features"
        )


def _compare(
    digest: str, golden: Sequence[GoldenRequest], answers: Sequence[Sequence[float]]
) -> None:
    if differing := mismatches(golden, answers):
        raise Unfit(
            f"release {digest[:12]}: {len(differing)} of {len(golden)} golden requests get other scores "
            f"than recorded, the first is number {differing[0]}"
        )


def _compare_orders(
    digest: str, golden: Sequence[GoldenRequest], rankings: Sequence[Ranking]
) -> None:
    differing = [
        nth
        for nth, (example, ranking) in enumerate(zip(golden, rankings, strict=True))
        if tuple(ranking.order.tolist()) != example.order
    ]
    if differing:
        raise Unfit(
            f"release {digest[:12]}: {len(differing)} of {len(golden)} golden requests get another "
            f"order than recorded, the first is number {differing[0]}"
        )
