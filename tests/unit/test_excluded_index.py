"""The index of excluded texts: made once, mapped by whoever comes next, made anew when a file changes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from longhop import excluded_index
from longhop.errors import SourceError
from longhop.excluded_index import excluded_text
from longhop.recipe import DocumentsConfig

DRAW = random.Random(4)


def test_it_is_kept_and_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process reads no text; a file that changes, and an index that is damaged, are read again."""
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(excluded_index, "MANY", 10)
    monkeypatch.setattr(excluded_index, "KEPT", 2)
    text = " ".join("".join(DRAW.choices("abcdefghij", k=7)) for _ in range(400))
    file = tmp_path / "bench.txt"
    file.write_text(text)
    config = DocumentsConfig(exclude=[str(file)])
    made = excluded_text(config)
    with monkeypatch.context() as patch:
        patch.setattr(excluded_index, "read_excluded", lambda _: pytest.fail("read again"))
        kept = excluded_text(config)
        assert excluded_text(DocumentsConfig(exclude=[str(file)], exclude_share=0.5)).overlap(text) is not None
    assert kept.fingerprint == made.fingerprint
    assert kept.overlap(text) == made.overlap(text) is not None
    (place,) = (tmp_path / "cache" / "excluded").iterdir()
    (place / "hashes.npy").write_bytes(b"broken")
    assert excluded_text(config).fingerprint == made.fingerprint
    for number in range(4):
        file.write_text(f"{text} and {number} more")
        assert excluded_text(config).fingerprint != made.fingerprint
    assert len(list((tmp_path / "cache" / "excluded").iterdir())) == 2


def test_without_a_cache_it_is_made_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No folder to write to is no fault; a missing file is one."""
    (tmp_path / "cache").write_text("a file")
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(excluded_index, "MANY", 0)
    file = tmp_path / "bench.txt"
    file.write_text("Who kept the log of the ferry in the winter after the mill had burned?")
    found = excluded_text(DocumentsConfig(exclude=[str(file)])).overlap(file.read_text())
    assert found is not None
    assert found.file == "bench.txt"
    with pytest.raises(SourceError, match="no such file"):
        excluded_text(DocumentsConfig(exclude=[str(tmp_path / "none.txt")]))
    assert excluded_text(DocumentsConfig()).overlap("any") is None
