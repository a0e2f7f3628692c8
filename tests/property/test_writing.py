"""What a writer is shown is true to the texts, within its budget, and never nothing, whatever the texts are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from longhop.writing.bridges import Text, find_bridges, find_related
from longhop.writing.choice import choose_bridges
from longhop.writing.passages import choose_passages
from longhop.writing.wanted import dealt, wanted

PIECES = st.sampled_from(
    """Ines Halvorsen|tide_gain|1,250 crowns|0.425|Reeve (2019)|arXiv:2101.00001|import harmonics|the|winter came.|
|def predict(x):|潮汐。|…|[…]| |==== a/b.py ====|\n|\n\n""".split("|")
)
TEXTS = st.lists(st.lists(st.one_of(PIECES, st.text(max_size=9)), max_size=40).map(" ".join), min_size=1, max_size=6)
KINDS = ["book", "code", "paper"]


def documents(texts: list[str]) -> list[Text]:
    return [Text(f"Title {n} of it", KINDS[n % 3], f"{n}.txt", text) for n, text in enumerate(texts)]


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_bridges_join_several_documents_at_places_in_their_texts(texts: list[str]) -> None:
    """The best first; the same again for the same texts."""
    bridges = find_bridges(documents(texts))
    for bridge in [*bridges, *find_related(documents(texts))]:
        assert all(0 <= place.start <= place.end <= len(texts[place.document]) for place in bridge.places)
    assert all(2 <= len(bridge.documents) <= 4 for bridge in bridges)
    assert [bridge.score for bridge in bridges] == sorted((bridge.score for bridge in bridges), reverse=True)
    assert bridges == find_bridges(documents(texts))
    shown = {at for bridge in find_related(documents(texts)) for at in bridge.documents}
    assert shown == {at for at, text in enumerate(texts) if text.strip()}


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.integers(1, 300), st.data())
def test_passages_are_verbatim_within_the_budget_and_not_empty(
    texts: list[str], budget: int, data: st.DataObject
) -> None:
    """Counted without the marks of gaps; a document that has words always shows some."""
    places = {
        at: [(place, place) for place in data.draw(st.lists(st.integers(0, len(text)), max_size=3))]
        for at, text in enumerate(texts)
    }
    shown = choose_passages(dict(enumerate(texts)), places, budget, len)
    assert set(shown) == {at for at, text in enumerate(texts) if text.strip()}
    for at, text in shown.items():
        assert text.strip()
        assert all(part in texts[at] for part in text.split("\n\n[…]\n\n") if "[…]" not in texts[at])
    gaps = sum(text.count("\n\n[…]\n\n") * 7 for text in shown.values())
    joints = sum(text.count("\n") for text in shown.values())
    assert sum(map(len, shown.values())) <= max(budget, len(shown)) + gaps + 3 * joints + len(shown)


@settings(max_examples=80, deadline=None)
@given(TEXTS, st.integers(1, 6), st.integers(2, 4), st.integers(0, 9))
def test_choices_are_bridges_that_were_given(texts: list[str], many: int, least: int, seed: int) -> None:
    """As many groups as questions, no bridge twice in one, the same for a seed."""
    bridges = [*find_bridges(documents(texts)), *find_related(documents(texts))]
    kinds = [document.kind for document in documents(texts)]
    groups = choose_bridges(bridges, kinds, [frozenset[str]()] * many, least, seed)
    assert len(groups) == many
    assert all(len(set(group)) == len(group) and set(group) <= set(bridges) for group in groups)
    assert all(groups) or not bridges
    assert groups == choose_bridges(bridges, kinds, [frozenset[str]()] * many, least, seed)


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.01, 1e6), min_size=1),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 99),
)
def test_all_that_is_wanted_is_dealt(kinds: dict[str, float], count: int, per_request: int, seed: int) -> None:
    """Every question in one request, none in two."""
    numbers = wanted(kinds, count, seed)
    hands = dealt(numbers, per_request, seed)
    assert sum(numbers.values()) == count
    assert {kind: sum(hand.get(kind, 0) for hand in hands) for kind in numbers} == numbers
    assert all(1 <= sum(hand.values()) <= per_request for hand in hands)
    assert len(hands) == -(-count // per_request)
