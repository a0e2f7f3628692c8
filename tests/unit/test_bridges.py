"""Bridges join documents by what is rare in a context, wherever it stands; copies join nothing."""

import pytest

from longhop.writing.bridges import Bridge, Place, Text, find_bridges, find_related
from longhop.writing.choice import choose_bridges

FILLER = "The wind rose over the quay, ropes creaked against wet timber, and nobody spoke of what had happened before."


def book(title: str, text: str) -> Text:
    return Text(title, "book", f"{title}.txt", text)


def found(*texts: Text) -> dict[str, Bridge]:
    return {bridge.name: bridge for bridge in find_bridges(texts)}


PAPER = Text("Tides of the North Sound", "paper", "papers/2604.12374.tex", f"The gain is 0.425 in our model. {FILLER}")
NAMED = [
    ("Ines Halvorsen", f"{FILLER} Ines Halvorsen tasted mud.", f"In winter Ines\nHalvorsen paid the toll. {FILLER}"),
    ("Halvorsen", f"{FILLER} Ines Halvorsen tasted mud.", f"Then Halvorsen left early. {FILLER}"),
    ("tide_gain", f"The parameter `tide_gain` scales it. {FILLER}", f"TIDE_GAIN = 4\n{FILLER}"),
    ("Reeve 2019", f"It follows Reeve et al. (2019) there. {FILLER}", f"As shown before (Reeve, 2019). {FILLER}"),
    ("arXiv:2101.00001", f"See arXiv:2101.00001 for it. {FILLER}", f"{FILLER} arxiv.org/abs/2101.00001v2 says so."),
    ("1250 crown", f"It cost 1,250 crowns in the end. {FILLER}", f"{FILLER} They owed him 1250 crowns then."),
]


@pytest.mark.parametrize(("name", "one", "two"), NAMED)
def test_what_two_documents_share_joins_them(name: str, one: str, two: str) -> None:
    """Names, also by the last word; identifiers in any case; works by author, year or number; numbers with units."""
    first, second = (
        book("One", one),
        book("Two", two.replace(FILLER, "Bells rang while sailors drank beside cold fires.")),
    )
    bridge = found(first, second)[name]
    assert bridge.documents == (0, 1)
    for place in bridge.places:
        assert place.start < place.end <= len((first, second)[place.document].text)


def test_a_title_or_an_id_named_elsewhere_is_a_citation() -> None:
    """The cited document is joined as a whole; case and line breaks do not matter."""
    for said in ("We follow tides of the\nnorth sound here", "The method is that of arXiv 2604.12374"):
        bridges = found(PAPER, book("Diary", f"{said}, as the harbour master told his guests again and again."))
        (bridge,) = [bridge for bridge in bridges.values() if bridge.sort == "citation"]
        assert bridge.documents == (0, 1)
        assert Place(0, 0, 0) in bridge.places


def test_code_is_joined_by_what_it_imports_and_calls() -> None:
    """A function or module of another document; what only one document has joins nothing."""
    tides = Text(
        "tidebox", "code", "tidebox", "==== tidebox/harmonics.py ====\ndef predict(hours):\n    return hours * 2\n"
    )
    watch = Text(
        "watch", "code", "watch", "from harmonics import predict\n\nfor hour in day:\n    print(predict(hour))\n"
    )
    bridges = found(tides, watch)
    assert {"harmonics", "predict"} <= set(bridges)
    assert bridges["predict"].sort == "code"
    assert "hours" not in bridges


def test_a_number_joins_what_a_paper_states_and_code_does() -> None:
    """Without a unit where it has three digits and a fraction; a year or a round number does not."""
    code = Text(
        "model", "code", "model", "# set by hand, see the notes of the survey\nGAIN = 0.425\nYEAR = 1901\nMANY = 10\n"
    )
    bridges = found(PAPER, code)
    assert bridges["0.425"].documents == (0, 1)
    assert not {"1901", "10"} & set(bridges)


def test_common_words_and_subjects_of_everything_join_nothing() -> None:
    """A capital at the start of a sentence makes no name; what five documents have is no bridge."""
    texts = [book(str(n), f"Winter came. Tobias Reeve saw winter number {n * 7} end there. {FILLER}") for n in range(5)]
    assert not found(*texts)


def test_passages_that_repeat_each_other_are_no_bridge() -> None:
    """One answers for both; said anew elsewhere it is one."""
    copied = f"Ines Halvorsen tasted the mud of the sound. {FILLER}"
    assert "Ines Halvorsen" not in found(book("One", copied), book("Two", copied))
    more = f"{copied}\n\n{'Snow fell on the hills, mail came late. ' * 9}Ines Halvorsen wrote to her aunt in March."
    assert found(book("One", copied), book("Two", more))["Ines Halvorsen"].places[-1].start > len(copied)


def test_rare_things_of_different_kinds_come_first() -> None:
    """Two documents before three, a paper and code before two books."""
    one = book("One", f"Ines Halvorsen and Tobias Reeve met. {FILLER}")
    two = book(
        "Two", "Over cold soup Ines Halvorsen told sailors about Tobias Reeve, whom everybody had forgotten by then."
    )
    three = book("Three", "Tobias Reeve kept bees, sold honey at markets inland, and wrote letters nobody answered.")
    assert next(bridge.name for bridge in find_bridges([one, two, three])) == "Ines Halvorsen"
    mixed = find_bridges([one, two._replace(kind="paper", title="T")])
    same = find_bridges([one, two._replace(title="T")])
    assert mixed[0].score > same[0].score


def test_related_documents_are_found_without_any_name() -> None:
    """By rare words; also scripts without capitals, and documents that share nothing, give something to show."""
    texts = [
        book("A", "zephyr kelpworm sings"),
        book("B", "plain bread"),
        book("C", "old kelpworm and zephyr"),
        book("D", " "),
    ]
    related = find_related(texts)
    assert related[0].documents == (0, 2)
    assert {at for bridge in related for at in bridge.documents} == {0, 1, 2}
    assert find_related([book("甲", "潮汐。"), book("乙", "港口。")])[0].documents == (0, 1)


def test_choice_is_spread_and_the_same_for_a_seed() -> None:
    """No question gets the bridge of another while there are others, and documents take turns."""
    bridges = [Bridge(f"n{n}", "name", (Place(n, 0, 1), Place(n + 1, 0, 1)), 1.0 - n / 100) for n in range(0, 16, 2)]
    groups = choose_bridges(bridges, ["book"] * 17, [frozenset()] * 8, 2, seed=3)
    assert len({group[0].name for group in groups}) == 8
    assert groups == choose_bridges(bridges, ["book"] * 17, [frozenset()] * 8, 2, seed=3)


def test_a_question_reaches_the_documents_and_kinds_that_it_needs() -> None:
    """By more bridges, of which each leads further; paper and code where its kind needs them."""
    bridges = [Bridge(f"n{n}", "name", (Place(n, 0, 1), Place(n + 1, 0, 1)), 1.0) for n in range(6)]
    (group,) = choose_bridges(bridges, ["book"] * 7, [frozenset()], 5, seed=1)
    assert len({at for bridge in group for at in bridge.documents}) >= 5
    kinds = ["book", "book", "book", "book", "paper", "code", "book"]
    (group,) = choose_bridges(bridges, kinds, [frozenset(["paper", "code"])], 2, seed=1)
    assert {"paper", "code"} <= {kinds[at] for bridge in group for at in bridge.documents}
