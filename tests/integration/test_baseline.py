"""The declared baseline over a small feed: built, packaged, served, signed and audited."""

import pytest

from sluice.flows.baseline import ready_baseline
from sluice.flows.dossier import evaluation_of
from sluice.flows.retrain import register
from sluice.registry.attestation import SignedPointer, Signer
from sluice.registry.baseline import serve_baseline
from sluice.registry.keys import KeyRing
from sluice.registry.moves import position_of
from sluice.registry.pointer import PointerReceiver, read_pointer
from sluice.registry.relay import reconcile
from sluice.serving.release_audit import Shelves, audit_releases
from sluice.store.records import State
from tests.lib import promotions as lib
from tests.lib.retrainings import small_retraining, surface
from tests.lib.stores import T0

pytestmark = [pytest.mark.integration]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """Of a surface with a champion, whose release nobody needs here."""
    retraining = small_retraining(tmp_path_factory.mktemp("home"), surface())
    version = register(retraining, retraining.train())
    for step in (lib.gate, lib.package, lib.submit, lib.approve, lib.promote):
        step(retraining.workplace.store, version)
    return retraining.workplace


def test_the_baseline_serves_signed_and_whole(workplace):
    store, settings = workplace.store, workplace.settings
    version = ready_baseline(workplace)
    assert ready_baseline(workplace) == version

    row = serve_baseline(store, version, actor="oncall", reason="nothing ranks", at=T0)

    keys = KeyRing(settings.keys)
    signer = Signer(store, settings.releases, settings.signatures, keys, T0)
    reconcile(store, [SignedPointer(signer, PointerReceiver(settings.pointers))])
    pointer = read_pointer(settings.pointers, "feed", keys)
    assert (version.family, pointer.release) == ("popularity", row.evidence[0])
    assert position_of(store, version).state is State.CHAMPION
    assert evaluation_of(workplace, version)["metrics"]["candidate"]
    shelves = Shelves(settings.releases, settings.signatures, settings.bentos, keys)
    audited = audit_releases(store, shelves)
    about = [each for each in audited.problems if "version 2" in each]
    assert (about, audited.signed) == ([], 1)
