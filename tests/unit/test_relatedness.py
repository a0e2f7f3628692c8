"""Which documents are near: shared rare terms, who names whom, and what an index does when documents are used up."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import pytest

from longhop.planning import relatedness
from longhop.planning.links import mentions_of, names_of
from longhop.planning.planned import PlannedDocument, keys_of
from longhop.planning.relatedness import Relatedness
from longhop.records import Document, Term, make_id


def planned(
    terms: Sequence[str], names: Sequence[str] = (), mentions: Sequence[str] = (), number: int = 0
) -> PlannedDocument:
    """A document with these terms, once each, and these names."""
    document = Document(
        document_id=make_id(number, *terms, *names, *mentions),
        kind="book",
        title="A",
        author=None,
        source="a.txt",
        license=None,
        text="",
        n_chars=0,
        n_tokens=9,
        cuts=[],
        signature=[],
        terms=[Term(term=term, count=1) for term in terms],
        names=list(names),
        mentions=list(mentions),
    )
    return PlannedDocument.of(document, "train")


def places(found: Sequence[tuple[int, float]]) -> list[int]:
    return [place for place, _ in found]


def test_neighbours_share_rare_terms() -> None:
    """The nearest document shares most of the rare terms; what shares none is no neighbour."""
    nearness = Relatedness([planned(own) for own in (["a", "b", "c"], ["a", "b", "x"], ["c", "y"], ["z"])])
    assert places(nearness.neighbours(0)) == [1, 2]
    assert places(nearness.neighbours(0, most=1)) == [1]
    assert nearness.neighbours(3) == []
    assert Relatedness([planned([])]).neighbours(0) == []
    with_one = Relatedness([planned(["a"]), planned(["a"])])
    assert with_one.neighbours(0) == [(1, 1.0)]


def test_cosines_are_those_of_tf_idf() -> None:
    """As long as documents have few terms, nearness is the cosine that scikit-learn gives."""
    text = pytest.importorskip("sklearn.feature_extraction.text")
    rng = random.Random(3)
    vocabulary = [f"t{n}" for n in range(60)]
    documents = [sorted(rng.sample(vocabulary, 20)) for _ in range(30)]
    weights = text.TfidfVectorizer(analyzer=lambda own: own, sublinear_tf=True).fit_transform(documents)
    cosines = (weights @ weights.T).toarray()
    for place, score in Relatedness([planned(own) for own in documents]).neighbours(4):
        assert score == pytest.approx(cosines[4, place], abs=1e-4)


def test_common_terms_tell_nothing() -> None:
    """A term in more than a fifth of many documents relates none of them."""
    documents = [planned(["everywhere", f"pair {number // 2}"], number=number) for number in range(1_200)]
    nearness = Relatedness(documents)
    assert places(nearness.neighbours(10)) == [11]


def test_what_names_another_is_near() -> None:
    """A document is near those that it names and those that name it, the nearer the fewer name it."""
    documents = [
        planned(["a"], names=["title:one"]),
        planned(["b"], mentions=["title:one", "title:two"]),
        planned(["c"], names=["title:two"]),
        *[planned([f"d{n}"], mentions=["title:two"], number=n) for n in range(5)],
    ]
    nearness = Relatedness(documents)
    assert places(nearness.neighbours(0)) == [1]
    assert places(nearness.neighbours(1)) == [0, 2]
    assert set(places(nearness.neighbours(2))) == {1, 3, 4, 5, 6, 7}


def test_titles_that_many_bear_link_nothing() -> None:
    """`Introduction` is the title of many, and a name that very many mention says nothing either."""
    many = [planned([f"a{n}"], names=["title:introduction"], number=n) for n in range(4)]
    assert Relatedness([*many, planned(["b"], mentions=["title:introduction"])]).neighbours(4) == []
    two = [planned([f"a{n}"], names=["title:introduction"], number=n) for n in range(2)]
    assert places(Relatedness([*two, planned(["b"], mentions=["title:introduction"])]).neighbours(2)) == [0, 1]
    loved = [planned([f"c{n}"], mentions=["module:json"], number=n) for n in range(relatedness.FEW + 1)]
    assert Relatedness([planned(["x"], names=["module:json"]), *loved]).neighbours(0) == []
    own = planned(["x"], names=["module:own"], mentions=["module:own"])
    assert Relatedness([own, planned(["y"])]).neighbours(0) == []


def test_used_documents_make_room_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where more documents share a term than are looked at, those that are left are found as others are used up."""
    monkeypatch.setattr(relatedness, "POSTINGS", 5)
    nearness = Relatedness([planned(["a"], number=number) for number in range(60)])
    there = np.ones(60, np.bool_)
    given: list[int] = []
    while near := places(nearness.neighbours(59, there, most=3)):
        given += near
        there[near] = False
    assert sorted(given) == list(range(59))


def test_the_order_of_terms_does_not_matter() -> None:
    """Terms of equal weight beyond those that a document is known by are chosen by what they are."""
    rng = random.Random(5)
    shared = [f"t{n}" for n in range(300)]
    lists = [rng.sample(shared, 200) for _ in range(20)]
    one = Relatedness([planned(own, number=n) for n, own in enumerate(lists)])
    two = Relatedness([planned(rng.sample(own, len(own)), number=n) for n, own in enumerate(lists)])
    assert [one.neighbours(n) for n in range(20)] == [two.neighbours(n) for n in range(20)]


def test_keys_are_equal_for_equal_terms() -> None:
    """Hashes do not depend on what stands beside a term, and survive letters of all scripts."""
    assert keys_of(["Marrow Bay", "né", "的人"]).tolist() == [
        keys_of([word])[0] for word in ("Marrow Bay", "né", "的人")
    ]
    assert len(keys_of([])) == 0


def test_names_of_papers() -> None:
    """A paper is called by its title, by its title before the colon, by its arXiv id and its DOI."""
    names = names_of("paper", "Marrow Bay Silting: a survey of tides", None, "x/2401.00001v2.pdf", "doi:10.1000/Ab.1.")
    assert names == [
        "arxiv:2401.00001",
        "doi:10.1000/ab.1",
        "title:marrow bay silting",
        "title:marrow bay silting a survey of tides",
    ]


@pytest.mark.parametrize("title", ["Introduction", "utils", "The Dream", "Getting Started", "Chapter 12", "2001", ""])
def test_titles_that_could_be_anything_are_no_names(title: str) -> None:
    """What hardly tells a work from another is a name with its author only."""
    assert names_of("book", title, None, "a.txt", "") == []
    found = names_of("book", title, "Shaw, Anna; John Doe", "a.txt", "")
    assert all(name.startswith(("by:shaw ", "by:doe ")) for name in found)


def test_a_short_title_counts_with_its_author() -> None:
    """`Emma` alone is a name of people; beside Austen it is a book."""
    [name] = names_of("book", "Emma", "Jane Austen", "emma.txt", "")
    assert name in mentions_of("book", "She had read Austen's Emma twice.", "a.txt")
    assert name in mentions_of("book", "On the table lay _Emma_ by Jane Austen, open.", "a.txt")
    assert name not in mentions_of("book", "Emma met Jane Austen.", "a.txt")


def test_works_that_a_text_names() -> None:
    """Titles in quotation marks, in italics, capitalised, and in a list of references, over ends of lines."""
    text = (
        "In “The Silting of Marrow Bay” she quotes _Moby Dick_ and\nthe Adventures of Sherlock Holmes.\n\n"
        "# References\n\n[1] I. Halvorsen and J. Doe. Sounding harbours with lead\nlines. In Tides, 2017. "
        "arXiv:2401.00001\n[2] Knuth, D. (1984). Literate programming: an essay. https://doi.org/10.1093/comjnl/27.2.97.\n"
    )
    found = set(mentions_of("paper", text, "a.md"))
    for title in ("silting of marrow bay", "moby dick", "adventures of sherlock holmes", "literate programming"):
        assert f"title:{title}" in found
    assert "title:sounding harbours with lead lines" in found
    assert {"arxiv:2401.00001", "doi:10.1093/comjnl/27.2.97"} <= found


def test_modules_that_code_imports() -> None:
    """What is imported is called as the module that it is, by its whole path or by an ending of it."""
    assert names_of("code", "decoder", None, "src/json/decoder.py", "") == ["module:json.decoder"]
    assert names_of("code", "x", None, "lib/utils.py", "") == []
    assert names_of("code", "x", None, "include/tide/Gauge.h", "") == ["file:include/tide/gauge", "file:tide/gauge"]
    found = mentions_of("code", "from .scanner import scan\nimport os.path\nfrom . import tool\n", "json/decoder.py")
    assert {"module:json.scanner", "module:os.path", "module:json.tool"} <= set(found)
    assert mentions_of("code", '#include "tide/Gauge.h"\n', "src/main.c") == ["file:tide/gauge"]
    text = "==== pkg/a.py ====\nfrom .b import rope\n\n==== pkg/b.py ====\nimport marrow.bay\n"
    assert {"module:pkg.b", "module:marrow.bay"} <= set(mentions_of("code", text, "repo"))
    assert names_of("code", "repo", None, "repo", text) == ["module:pkg.a", "module:pkg.b"]


@pytest.mark.parametrize("text", ["", "\n" * 5_000, "“" * 9_000, "A " * 50_000, "Aa of the " * 20_000, "10.1/" * 9_000])
def test_no_text_takes_long_or_gives_too_much(text: str) -> None:
    """Empty and repetitive texts give few mentions."""
    for kind in ("book", "code"):
        assert len(mentions_of(kind, text, "a.py")) <= 512
