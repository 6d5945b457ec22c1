"""The tree is that of RFC 6962: published vectors, and an oracle that shares no code with it."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.ledger.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofError,
    consistency,
    frontier,
    inclusion,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from tests.governance.ledger import rfc6962
from tests.governance.ledger.trees import Tree

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
"""The leaves of the reference tests of certificate-transparency (merkle_tree_test)."""
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}

MOST = 300
LEAVES = [number.to_bytes(2, "big") * (number % 4) for number in range(MOST)]
WHOLE = Tree(LEAVES)
sizes = st.integers(1, MOST)


def hexed(hashes: list[bytes]) -> list[str]:
    return [digest.hex() for digest in hashes]


# --- published vectors ------------------------------------------------------------------------------


def test_the_root_of_no_leaves_is_the_digest_of_nothing() -> None:
    assert Frontier().root == EMPTY_ROOT == sha256(b"").digest()


def test_the_roots_of_the_reference_tests() -> None:
    for size, root in enumerate(ROOTS, 1):
        tree = Tree(INPUTS[:size])
        assert tree.frontier.root.hex() == root
        assert frontier(size, tree.read) == tree.frontier


@pytest.mark.parametrize(("place", "expected"), INCLUSION.items())
def test_the_audit_paths_of_the_reference_tests(place: tuple[int, int], expected: list[str]) -> None:
    index, size = place
    proof = inclusion(index, size, Tree(INPUTS).read)
    assert hexed(proof) == expected
    verify_inclusion(leaf_hash(INPUTS[index]), index, size, proof, bytes.fromhex(ROOTS[size - 1]))


@pytest.mark.parametrize(("place", "expected"), CONSISTENCY.items())
def test_the_consistency_proofs_of_the_reference_tests(place: tuple[int, int], expected: list[str]) -> None:
    old, new = place
    proof = consistency(old, new, Tree(INPUTS).read)
    assert hexed(proof) == expected
    verify_consistency(old, new, bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1]), proof)


# --- against the oracle -----------------------------------------------------------------------------


def test_each_leaf_makes_the_root_of_the_text_and_the_nodes_it_completes() -> None:
    tree = Frontier()
    for index, data in enumerate(LEAVES[:130]):
        tree, made = tree.with_leaf(leaf_hash(data))
        assert tree.root == rfc6962.mth(LEAVES[: index + 1])
        complete = [level for level in range(1, 9) if (index + 1) % (1 << level) == 0]
        assert [place for place, _ in made] == [(level, index >> level) for level in complete]
        for (level, place), digest in made:
            assert digest == rfc6962.mth(LEAVES[place << level : (place + 1) << level])


@settings(deadline=None)
@given(size=sizes, data=st.data())
def test_an_audit_path_is_that_of_the_text_and_leads_to_the_root(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion(index, size, WHOLE.read)
    assert proof == rfc6962.path(index, LEAVES[:size])
    root = rfc6962.mth(LEAVES[:size])
    verify_inclusion(leaf_hash(LEAVES[index]), index, size, proof, root)
    assert rfc6962.root_from_path(LEAVES[index], index, size, proof) == root


@settings(deadline=None)
@given(new=sizes, data=st.data())
def test_a_consistency_proof_is_that_of_the_text_and_holds(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new))
    proof = consistency(old, new, WHOLE.read)
    assert proof == rfc6962.proof(old, LEAVES[:new])
    verify_consistency(old, new, rfc6962.mth(LEAVES[:old]), rfc6962.mth(LEAVES[:new]), proof)


def test_every_proof_of_every_small_tree() -> None:
    for new in range(1, 34):
        root = rfc6962.mth(LEAVES[:new])
        for old in range(1, new + 1):
            proof = consistency(old, new, WHOLE.read)
            assert proof == rfc6962.proof(old, LEAVES[:new])
            verify_consistency(old, new, rfc6962.mth(LEAVES[:old]), root, proof)
        for index in range(new):
            proof = inclusion(index, new, WHOLE.read)
            assert proof == rfc6962.path(index, LEAVES[:new])
            verify_inclusion(leaf_hash(LEAVES[index]), index, new, proof, root)


@settings(deadline=None)
@given(size=sizes)
def test_what_a_proof_reads_grows_with_the_logarithm(size: int) -> None:
    most = 2 * size.bit_length()
    for index in {0, size // 2, size - 1}:
        WHOLE.reads.clear()
        inclusion(index, size, WHOLE.read)
        consistency(index, size, WHOLE.read)
        frontier(size, WHOLE.read)
        assert len(WHOLE.reads) == 3
        assert max(WHOLE.reads) <= most


def test_the_empty_tree_is_the_beginning_of_every_tree() -> None:
    assert consistency(0, 0, WHOLE.read) == consistency(0, 7, WHOLE.read) == []
    verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    verify_consistency(0, 7, EMPTY_ROOT, rfc6962.mth(LEAVES[:7]), [])


# --- what does not hold -----------------------------------------------------------------------------


@settings(deadline=None)
@given(size=st.integers(2, MOST), data=st.data())
def test_an_audit_path_of_something_else_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof, root, leaf = inclusion(index, size, WHOLE.read), rfc6962.mth(LEAVES[:size]), leaf_hash(LEAVES[index])
    turned = data.draw(st.integers(0, len(proof) - 1))
    other = bytes([proof[turned][0] ^ 1]) + proof[turned][1:]
    wrongs: list[Callable[[], None]] = [
        lambda: verify_inclusion(leaf_hash(b"other"), index, size, proof, root),
        lambda: verify_inclusion(leaf, index, size, proof, leaf),
        lambda: verify_inclusion(leaf, index, size, proof[:-1], root),
        lambda: verify_inclusion(leaf, index, size, [*proof, root], root),
        lambda: verify_inclusion(leaf, index, size, [*proof[:turned], other, *proof[turned + 1 :]], root),
        lambda: verify_inclusion(leaf, size, size, proof, root),
        lambda: verify_inclusion(leaf, -1, size, proof, root),
        lambda: verify_inclusion(leaf[1:], index, size, proof, root),
    ]
    for wrong in wrongs:
        with pytest.raises(ProofError):
            wrong()


@settings(deadline=None)
@given(size=st.integers(2, 64), data=st.data())
def test_a_leaf_is_proven_at_its_own_index_and_no_other(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
    root = rfc6962.mth(LEAVES[:size])
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(LEAVES[index]), other, size, inclusion(index, size, WHOLE.read), root)


@settings(deadline=None)
@given(new=st.integers(2, MOST), data=st.data())
def test_a_tree_that_was_changed_has_no_consistency_proof(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    changed = data.draw(st.integers(0, old - 1))
    forged = Tree([b"forged" if place == changed else leaf for place, leaf in enumerate(LEAVES[:new])])
    with pytest.raises(ProofError, match="is not the beginning of"):
        verify_consistency(
            old, new, rfc6962.mth(LEAVES[:old]), forged.frontier.root, consistency(old, new, forged.read)
        )


@settings(deadline=None)
@given(new=st.integers(2, MOST), data=st.data())
def test_a_consistency_proof_of_something_else_is_refused(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, new - 1))
    proof, old_root, new_root = consistency(old, new, WHOLE.read), *map(rfc6962.mth, (LEAVES[:old], LEAVES[:new]))
    turned = data.draw(st.integers(0, len(proof) - 1))
    other = bytes([proof[turned][0] ^ 1]) + proof[turned][1:]
    wrongs: list[Callable[[], None]] = [
        lambda: verify_consistency(old, new, new_root, new_root, proof),
        lambda: verify_consistency(old, new, old_root, old_root, proof),
        lambda: verify_consistency(old, new, old_root, new_root, proof[:-1]),
        lambda: verify_consistency(old, new, old_root, new_root, [*proof, new_root]),
        lambda: verify_consistency(old, new, old_root, new_root, []),
        lambda: verify_consistency(old, new, old_root, new_root, [*proof[:turned], other, *proof[turned + 1 :]]),
        lambda: verify_consistency(new, old, new_root, old_root, proof),
        lambda: verify_consistency(-1, new, old_root, new_root, proof),
        lambda: verify_consistency(old, new, old_root, new_root[1:], proof),
        lambda: verify_consistency(old, old, old_root, new_root, []),
        lambda: verify_consistency(old, old, old_root, old_root, proof),
        lambda: verify_consistency(0, new, old_root, new_root, []),
        lambda: verify_consistency(0, new, EMPTY_ROOT, new_root, proof),
    ]
    for wrong in wrongs:
        with pytest.raises(ProofError):
            wrong()


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (7, 3)])
def test_there_is_no_path_of_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {size} leaves has no leaf {index}"):
        inclusion(index, size, WHOLE.read)


@pytest.mark.parametrize(("old", "new"), [(1, 0), (-1, 3), (7, 3)])
def test_there_is_no_beginning_that_is_longer_than_the_tree(old: int, new: int) -> None:
    with pytest.raises(ValueError, match=f"a tree of {new} leaves has no beginning of {old}"):
        consistency(old, new, WHOLE.read)


def test_a_frontier_has_a_peak_for_each_bit_of_its_size() -> None:
    assert Frontier(5, (b"a" * 32, b"b" * 32)).root == node_hash(b"a" * 32, b"b" * 32)
    for size, peaks in ((5, 1), (0, 1), (-1, 1)):
        with pytest.raises(ValueError, match="peaks"):
            Frontier(size, (b"a" * 32,) * peaks)
