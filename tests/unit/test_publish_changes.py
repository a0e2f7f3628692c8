"""What a push changes: all of the dataset arrives, and nothing of others goes without a word."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longhop.publish.changes import (
    LISTING,
    FileSum,
    compare,
    inventory,
    listing,
    parse_listing,
    sum_of,
    sum_of_bytes,
)

NAMES = st.sampled_from(
    ["README.md", "recipe.yaml", "data/default/train-0.parquet", "data/default/train-1.parquet", "a.txt"]
)
FILES = st.dictionaries(NAMES, st.sampled_from([b"1", b"2", b"3"]))


def sums(files: dict[str, bytes]) -> dict[str, FileSum]:
    return {name: sum_of_bytes(data) for name, data in files.items()}


@given(FILES, FILES, st.none() | FILES, st.booleans())
def test_what_is_pushed_is_there_and_what_is_not_ours_stays(
    ours: dict[str, bytes], there: dict[str, bytes], listed: dict[str, bytes] | None, overwrite: bool
) -> None:
    """Whatever stands where: without `overwrite`, only what the last push put there is replaced or goes."""
    change = compare(sums(ours), sums(there), None if listed is None else sums(listed), overwrite=overwrite)
    after = {name: data for name, data in there.items() if name not in change.delete}
    after |= {name: ours[name] for name in change.send}
    for name in {*there} - {name for name in there if after.get(name) == there[name]}:
        assert overwrite or (listed or {}).get(name) == there[name]
    if not change.in_the_way or overwrite:
        for name, data in ours.items():
            # Of ours only what others changed since, and we did not, is otherwise there.
            assert after[name] == data or (name in change.kept and (listed or {})[name] == data and not overwrite)
        assert not {name for name in after if name.startswith("data/default/")} - set(
            ours
        ) or "data/default" not in str(list(ours))
    again = compare(sums(ours), sums(after), sums(ours), overwrite=overwrite)
    assert overwrite or not set(again.send) & set(change.send)


def test_what_is_kept_and_what_stands_in_the_way() -> None:
    """Each case by its name."""
    last = sums({"same": b"1", "ours": b"1", "theirs": b"1", "both": b"1", "gone": b"1", "gone_changed": b"1"})
    ours = sums({"same": b"1", "ours": b"2", "theirs": b"1", "both": b"2", "new": b"1"})
    there = {
        "same": b"1",
        "ours": b"1",
        "theirs": b"3",
        "both": b"3",
        "gone": b"1",
        "gone_changed": b"3",
        "other": b"9",
    }
    change = compare(ours, sums(there), last)
    assert change.send == ["new", "ours"]
    assert change.delete == ["gone"]
    assert change.kept == ["gone_changed", "other", "theirs"]
    assert change.in_the_way == ["both"]
    assert compare(ours, sums(there), last, overwrite=True).send == ["both", "new", "ours", "theirs"]


def test_a_file_that_would_be_read_as_rows_of_ours_stands_in_the_way() -> None:
    """A card's pattern takes it for a part of the dataset."""
    ours = sums({"data/default/train-0.parquet": b"1"})
    there = sums({"data/default/train-9.parquet": b"9", "data/other/train-9.parquet": b"9"})
    change = compare(ours, there, {})
    assert change.in_the_way == ["data/default/train-9.parquet"]
    assert change.kept == ["data/other/train-9.parquet"]
    assert compare(ours, there, {}, overwrite=True).delete == ["data/default/train-9.parquet"]


def test_sums_are_those_of_git_and_of_large_files(tmp_path: Path) -> None:
    """As `git hash-object` and `sha256sum` say them."""
    (tmp_path / "a").write_bytes(b"hello\n")
    known = FileSum(
        size=6,
        sha256="5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        blob="ce013625030ba8dba906f756967f9e9ca394464a",
    )
    assert sum_of(tmp_path / "a") == sum_of_bytes(b"hello\n") == known
    assert not known.same(FileSum(size=6))
    assert known.same(FileSum(size=6, blob=known.blob))
    assert not known.same(FileSum(size=7, blob=known.blob))


def test_what_begins_with_a_dot_is_none_of_the_dataset(tmp_path: Path) -> None:
    """Nor is a listing that lies there."""
    for name in ("README.md", ".DS_Store", ".git/config", "data/.x/y", "data/a.parquet", LISTING):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    assert list(inventory(tmp_path)) == ["README.md", "data/a.parquet"]


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"files": 3}', b"\xff\xfe", b'{"files": {"a": {"size": "x"}}}'])
def test_a_listing_that_is_none_of_ours_says_nothing(data: bytes) -> None:
    """So all that is there counts as the work of others."""
    assert parse_listing(data) is None


def test_a_listing_comes_back() -> None:
    """Whatever the names."""
    files = sums({"a": b"1", "ü/\u202e": b"2"})
    assert parse_listing(listing(files)) == files
