"""Properties of contexts: counts are exact, nothing is cut but at cuts, nothing is used too often, plans only grow."""

from __future__ import annotations

import functools
import random
import re
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from longhop.planning.planned import PlannedDocument
from longhop.recipe import ContextsConfig, Splits
from longhop.records import Context, ContextPlan, Cut, Document, Term, make_id
from longhop.stages.contexts import contexts_wanted, plan_contexts, render_contexts

WORDS = (
    "harbour ledger Marrow Bay keeper of the 1874 lamp, wrote that 12.5 tons; and (so) it_was: brass — né «x»".split()
)
SPLITS = ("train", "validation", "test")
QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


class Words:
    """Counts words and signs, as the embedded tokenizer does."""

    name = fingerprint = "words"
    special_tokens: tuple[str, ...] = ()

    def __init__(self, *, additive: bool = True) -> None:
        self.additive = additive

    def count(self, text: str) -> int:
        """Matches in a text."""
        return len(re.findall(r"\w+|[^\w\s]", text))

    def count_batch(self, texts: Sequence[str]) -> list[int]:
        """Counts of several texts."""
        return [self.count(text) for text in texts]

    def may_cut_before(self, char: str) -> bool:
        """Everywhere but before a blank."""
        return not char.isspace()

    def cumulative(self, text: str, offsets: Sequence[int]) -> list[int]:
        """Tokens before each offset."""
        return [self.count(text[:offset]) for offset in offsets]

    def cumulative_batch(self, texts: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[list[int]]:
        """The same of each text."""
        return [self.cumulative(text, own) for text, own in zip(texts, offsets, strict=True)]


class Bytes(Words):
    """A small byte-level BPE with the pattern of Qwen's tokenizers, trained on the spot."""

    name = fingerprint = "bytes"

    def __init__(self) -> None:
        super().__init__(additive=True)
        self._tokenizer = Tokenizer(models.BPE())
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        self._tokenizer.decoder = decoders.ByteLevel()
        rng = random.Random(5)
        texts = [" ".join(rng.choices(WORDS, k=60)) + ".\n\n</document>\n\n<document title=" for _ in range(60)]
        self._tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=420, show_progress=False))

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


@functools.cache
def tokenizer_of(name: str) -> Words:
    """The tokenizer of that name; the trained one is made once."""
    return Bytes() if name == "bytes" else Words(additive=name == "words")


def document(number: int, paragraphs: int, tokenizer: Words) -> Document:
    """A document of so many paragraphs; every fourth begins a section, and some are followed by several blank lines."""
    rng = random.Random(number)
    parts = [
        " ".join(rng.choices(WORDS, k=rng.randint(8, 40)))
        + rng.choice(("", "", "\n    if x:\n\n        y = 1\n\t\tz", " \n \n  q"))
        + "\n" * rng.choice((1, 2, 2, 4))
        for _ in range(paragraphs)
    ]
    text, cuts, tokens = "", [], 0
    for place, part in enumerate(parts):
        if place:
            cuts.append(Cut(offset=len(text), tokens=tokens, level="paragraph" if place % 4 else "section"))
        text += part
        tokens += tokenizer.count(part)
    text = text.rstrip("\n")
    return Document(
        document_id=make_id(number, text),
        kind=("book", "paper", "code")[number % 3],
        title=f'No. {number} "<quoted>" & more',
        author=None,
        source=f"{number}.txt",
        license=None,
        text=text,
        n_chars=len(text),
        n_tokens=tokenizer.count(text),
        cuts=cuts,
        signature=[],
        terms=[Term(term=f"term {number % 5} {rng.randint(0, 9)}", count=rng.randint(1, 5)) for _ in range(12)],
    )


def planned(documents: Sequence[Document], splits: Sequence[str]) -> list[PlannedDocument]:
    """What planning needs of documents, in the splits given in turn."""
    return [PlannedDocument.of(d, splits[number % len(splits)]) for number, d in enumerate(documents)]


corpora = st.lists(st.integers(1, 40), min_size=0, max_size=40)
names = st.sampled_from(["words", "bytes", "not additive"])
configs = st.builds(
    ContextsConfig,
    lengths=st.dictionaries(st.sampled_from([400, 700, 1000, 2000, 4000]), st.integers(1, 6), min_size=1),
    room=st.integers(0, 60),
    reuse=st.integers(1, 4),
    group=st.sampled_from(["related", "random", "kind"]),
    related_share=st.floats(0, 1),
    allow_fewer=st.just(True),
    part_size=st.integers(1, 8),
    part_tokens=st.integers(1, 10_000),
    parts_together=st.booleans(),
    order=st.sampled_from(["spread", "shuffled", "related_first", "related_last"]),
).flatmap(
    lambda config: st.sampled_from([None, {"book": 0.5, "code": 0.5}, {"paper": 1.0}]).map(
        lambda kinds: config if config.group == "kind" else config.model_copy(update={"kinds": kinds})
    )
)
shares = st.sampled_from([Splits(), Splits(train=0.5, validation=0.3, test=0.2), Splits(train=0, validation=1)])


def check_plans(
    plans: Sequence[ContextPlan], documents: Sequence[PlannedDocument], config: ContextsConfig, splits: Splits
) -> None:
    """Everything that holds of plans without their text."""
    by_id = {d.document_id: d for d in documents}
    uses = Counter(name for plan in plans for name in {piece.document_id for piece in plan.pieces})
    assert all(count <= config.reuse for count in uses.values())
    assert len({plan.context_id for plan in plans}) == len(plans)
    for plan in plans:
        ids = [piece.document_id for piece in plan.pieces]
        assert len(set(ids)) >= 2
        assert config.parts_together or len(set(ids)) == len(ids)
        assert config.kinds is None or {by_id[i].kind for i in ids} <= set(config.kinds)
        assert config.group == "related" or not any(piece.related for piece in plan.pieces)
        check_order(plan, config)
        assert {by_id[i].split for i in ids} == {plan.split}
        assert getattr(splits, plan.split) > 0
        if config.group == "kind":
            assert len({by_id[i].kind for i in ids}) == 1
        for piece in plan.pieces:
            cuts = by_id[piece.document_id].cuts
            places = dict(zip(cuts.offsets.tolist(), cuts.tokens.tolist(), strict=True))
            places |= {0: 0, by_id[piece.document_id].n_chars: by_id[piece.document_id].n_tokens}
            assert places[piece.end] - places[piece.start] == piece.n_tokens > 0
            assert piece.n_tokens <= (plan.target_tokens - config.room) // 2
        pieces = [(piece.document_id, piece.start, piece.end) for piece in plan.pieces]
        assert plan.context_id == make_id(plan.split, plan.target_tokens, *pieces)


def check_order(plan: ContextPlan, config: ContextsConfig) -> None:
    """Parts of a document stand in the order of its text and do not overlap; related pieces stand where asked."""
    ends: dict[str, int] = {}
    for piece in plan.pieces:
        assert piece.start >= ends.get(piece.document_id, 0)
        ends[piece.document_id] = piece.end
    related = [piece.related for piece in plan.pieces]
    if config.order == "related_first":
        assert related == sorted(related, reverse=True)
    if config.order == "related_last":
        assert related == sorted(related)


def check_parts(plans: Sequence[ContextPlan], config: ContextsConfig) -> None:
    """Parts are numbered without gaps and keep to both limits."""
    parts: dict[int, list[int]] = {}
    for plan in plans:
        parts.setdefault(plan.part, []).append(plan.target_tokens)
    assert sorted(parts) == list(range(len(parts)))
    for lengths in parts.values():
        assert len(lengths) <= config.part_size
        assert len(lengths) == 1 or sum(lengths) <= config.part_tokens


@settings(max_examples=60, deadline=None)
@given(corpora, names, configs, shares, st.integers(0, 9))
def test_contexts_are_exact(sizes: list[int], name: str, config: ContextsConfig, splits: Splits, seed: int) -> None:
    """Counts and places are exact, no context is above its budget or under 95 % of it, and pieces end at cuts."""
    tokenizer = tokenizer_of(name)
    documents = [document(number, size, tokenizer) for number, size in enumerate(sizes)]
    rows = planned(documents, SPLITS)
    plans = plan_contexts(rows, config, splits, tokenizer, seed)
    check_plans(plans, rows, config, splits)
    check_parts(plans, config)
    by_id = {d.document_id: d for d in documents}
    contexts = list(render_contexts(plans, by_id.__getitem__, tokenizer, config.room))
    for plan, context in zip(plans, contexts, strict=True):
        assert isinstance(context, Context)
        budget = plan.target_tokens - config.room
        assert context.n_tokens == tokenizer.count(context.text)
        assert 0.95 * budget <= context.n_tokens <= budget
        for piece, row in zip(plan.pieces, context.documents, strict=True):
            own = by_id[piece.document_id].text[piece.start : piece.end]
            assert context.text[row.start : row.end] == own.rstrip("\n")
            assert row.n_tokens == tokenizer.count(own.rstrip("\n"))


@settings(max_examples=30, deadline=None)
@given(corpora, configs, st.randoms(use_true_random=False))
def test_order_of_documents_does_not_matter(sizes: list[int], config: ContextsConfig, rng: random.Random) -> None:
    """The same documents in any order give the same plan."""
    tokenizer = tokenizer_of("words")
    rows = planned([document(number, size, tokenizer) for number, size in enumerate(sizes)], SPLITS)
    plans = plan_contexts(rows, config, Splits(), tokenizer, 7)
    rng.shuffle(rows)
    assert plan_contexts(rows, config, Splits(), tokenizer, 7) == plans


@settings(max_examples=40, deadline=None)
@given(corpora, configs, shares, st.integers(1, 6), st.integers(0, 40))
def test_plans_only_grow(sizes: list[int], config: ContextsConfig, splits: Splits, more: int, known: int) -> None:
    """More contexts of more documents are new rows behind the old ones, and no document is used too often by both."""
    tokenizer = tokenizer_of("words")
    rows = planned([document(number, size, tokenizer) for number, size in enumerate(sizes)], SPLITS)
    earlier = plan_contexts(rows[:known], config, splits, tokenizer, 7)
    grown = config.model_copy(update={"lengths": {target: n + more for target, n in config.lengths.items()}})
    later = plan_contexts(rows, grown, splits, tokenizer, 7, earlier)
    check_plans([*earlier, *later], rows, grown, splits)
    check_parts([*earlier, *later], grown)
    assert all(plan.part > max((e.part for e in earlier), default=-1) for plan in later)
    made = Counter(plan.target_tokens for plan in [*earlier, *later])
    assert all(made[target] <= count for target, count in grown.lengths.items())


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(10, 40), min_size=30, max_size=45),
    st.sampled_from(["related", "random"]),
    names,
    st.integers(0, 99),
)
def test_enough_documents_fill_everything(sizes: list[int], group: str, name: str, seed: int) -> None:
    """With twice the tokens that are asked for, every context is planned."""
    tokenizer = tokenizer_of(name)
    documents = [document(number, size, tokenizer) for number, size in enumerate(sizes)]
    size = sum(d.n_tokens for d in documents)
    lengths = {1000: max(1, size // 6000), 2000: max(1, size // 12000)}
    config = ContextsConfig.model_validate({"lengths": lengths, "group": group, "reuse": 1})
    plans = plan_contexts(planned(documents, ("train",)), config, Splits(), tokenizer, seed)
    assert Counter(plan.target_tokens for plan in plans) == config.lengths


@given(
    st.dictionaries(st.sampled_from([1000, 2000]), st.integers(1, 60), min_size=1),
    st.sampled_from([(1.0, 0.0, 0.0), (0.9, 0.05, 0.05), (0.5, 0.25, 0.25), (0.0, 0.4, 0.6)]),
    st.lists(st.tuples(st.sampled_from(SPLITS), st.sampled_from([1000, 2000])), max_size=40),
)
def test_wanted_contexts_add_up(
    lengths: dict[int, int], share: tuple[float, float, float], there: list[tuple[str, int]]
) -> None:
    """Contexts of a length over all splits, earlier ones included, are as many as asked for, or those there are."""
    splits = Splits(train=share[0], validation=share[1], test=share[2])
    earlier = [
        ContextPlan(context_id=str(n), split=split, target_tokens=target, part=0, pieces=[])
        for n, (split, target) in enumerate(there)
    ]
    wanted = contexts_wanted(lengths, splits, earlier)
    for target, count in lengths.items():
        have = sum(plan.target_tokens == target for plan in earlier)
        missing = [wanted[split, target] for split in SPLITS if (split, target) in wanted]
        assert min(missing) >= 0
        assert sum(missing) == max(0, count - have)
    assert all(getattr(splits, split) > 0 for split, _ in wanted)


@pytest.mark.parametrize("name", ["words", "bytes"])
def test_fake_tokenizers_are_additive(name: str) -> None:
    """What the other tests rest on: counts of parts that end in a newline add up."""
    tokenizer = tokenizer_of(name)
    made = document(3, 40, tokenizer)
    assert all(tokenizer.count(made.text[: cut.offset]) == cut.tokens for cut in made.cuts)
