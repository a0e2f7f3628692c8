"""The store keeps what engines gave."""

from pathlib import Path

import pytest

from longhop.completions import CompletionStore
from longhop.engines import Choice, Usage
from longhop.errors import StorageError
from longhop.spending import Spent


def test_choices_come_back_in_order_up_to_the_first_gap(tmp_path: Path) -> None:
    """Seeds 7 and 8 are stored, 9 is not: 10 is no use to a request that begins at 7."""
    store = CompletionStore(tmp_path / "work" / "completions.sqlite")
    store.put("k", 7, [Choice(content="a", reasoning="r", n_tokens=3), Choice(content="b")])
    store.put("k", 10, [Choice(content="d")])
    assert {seed: choice.content for seed, choice in store.get("k", 7, 8).items()} == {7: "a", 8: "b", 10: "d"}
    assert store.get("k", 7, 1)[7] == Choice(content="a", reasoning="r", n_tokens=3)
    assert store.get("other", 7, 8) == {}
    store.close()


def test_what_is_stored_stays(tmp_path: Path) -> None:
    """A second answer under the same key and seed changes nothing, also from another process's connection."""
    path = tmp_path / "completions.sqlite"
    first, second = CompletionStore(path), CompletionStore(path)
    first.put("k", 1, [Choice(content="first")])
    second.put("k", 1, [Choice(content="second")])
    assert second.get("k", 1, 1)[1].content == "first"
    first.close()
    second.close()


def test_a_store_that_cannot_be_opened_says_where(tmp_path: Path) -> None:
    """A file in the place of the folder is an error with its path."""
    (tmp_path / "work").write_text("")
    with pytest.raises(StorageError, match="completions.sqlite"):
        CompletionStore(tmp_path / "work" / "completions.sqlite")


def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    """Nothing of it is taken for an answer."""
    path = tmp_path / "completions.sqlite"
    path.write_bytes(b"no database, but longer than nothing" * 100)
    with pytest.raises(StorageError, match=r"completions\.sqlite: is damaged .* move it away and build again"):
        CompletionStore(path)


def test_what_was_spent_is_kept_by_account_and_role(tmp_path: Path) -> None:
    """Added up over processes: each connection stands for one that may have been killed."""
    path = tmp_path / "completions.sqlite"
    first, second = CompletionStore(path), CompletionStore(path)
    first.spend("traces-f-00000", "reader", Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=3))
    second.spend("traces-f-00000", "reader", Usage(prompt_tokens=5))
    second.spend("traces-f-00000", "judge", Usage(completion_tokens=1))
    second.spend("traces-f-00001", "reader", Usage(prompt_tokens=99))
    assert first.spent("traces-f-00000") == {
        "reader": Spent(requests=2, prompt_tokens=15, cached_tokens=4, completion_tokens=3),
        "judge": Spent(requests=1, completion_tokens=1),
    }
    assert first.spent("traces-f-00002") == {}
    first.close()
    second.close()
