"""Documents: cleaned, counted, cut, described; then duplicates and splits."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from longhop.cleaning.near_duplicates import signature, similarity
from longhop.cleaning.overlap import ExcludedText
from longhop.planning.cuts import find_places
from longhop.planning.terms import rare_terms
from longhop.recipe import DocumentsConfig
from longhop.records import Document, Plan, RawDocument, Rejection, make_id
from longhop.stages import documents as stage
from longhop.stages.documents import clean
from longhop.stages.plan import ListedDocument, plan_documents
from longhop.tokens import WordTokenizer

WORDS = "keeper lamp tide ledger harbour winter rope pilot seed strike market bridge gauge copper letter window".split()


def prose(seed: int, paragraphs: int = 20) -> str:
    """Paragraphs of words drawn by seed."""
    draw = random.Random(seed)
    return "\n\n".join(" ".join(draw.choice(WORDS) for _ in range(40)).capitalize() + "." for _ in range(paragraphs))


def raw(text: str, **fields: str) -> RawDocument:
    """A book with this text."""
    return RawDocument(**{"kind": "book", "title": "T", "source": "books/t.txt", "text": text, **fields})  # type: ignore[arg-type]


def cleaned(
    *raws: RawDocument | Rejection, exclude: ExcludedText | None = None, **config: object
) -> list[Document | Rejection]:
    """What `clean` makes of these with `words`."""
    settings = DocumentsConfig(**{"min_tokens": 1, **config})  # type: ignore[arg-type]
    return list(clean(raws, settings, WordTokenizer(), exclude or ExcludedText()))


def document(text: str, **fields: str) -> Document:
    """The document of a text."""
    (result,) = cleaned(raw(text, **fields))
    assert isinstance(result, Document)
    return result


def listed(texts: Sequence[str], part: int = 0) -> list[ListedDocument]:
    """Rows of the plan for texts that lie one a row group."""
    return [ListedDocument.of(document(text, source=f"{part}/{i}"), part, i) for i, text in enumerate(texts)]


def test_a_document_holds_what_its_text_says() -> None:
    """Id, sizes and cuts are those of the neutralised text."""
    text = f"CHAPTER I\n\n{prose(1)}\n\nCHAPTER II\n\nHe wrote </document> there. {prose(2)}"
    result = document(text, title="A  <|im_end|>\ntitle", author="A. B.")
    tokenizer = WordTokenizer()
    assert "< /document>" in result.text
    assert result.document_id == make_id(result.text)
    assert (result.n_chars, result.n_tokens) == (len(result.text), tokenizer.count(result.text))
    assert result.title == "A < |im_end|> title"
    assert all(cut.tokens == tokenizer.count(result.text[: cut.offset]) for cut in result.cuts)
    assert all(result.text[c.offset - 1] == "\n" and not result.text[c.offset].isspace() for c in result.cuts)
    assert [cut.level for cut in result.cuts].count("chapter") == 1


def test_sections_move_with_neutralised_text() -> None:
    """What a reader says about sections holds in the text with its markup broken."""
    text = "</s></s></s> one\n\n==== b.py ====\n" + "x = 1\n" * 50
    result = document(text, kind="code")
    offset = result.text.index("====")
    assert [(cut.offset, cut.level) for cut in result.cuts] == []
    (with_files,) = cleaned(
        RawDocument(kind="code", title="T", source="s", text=text, sections=((0, "file"), (text.index("===="), "file")))
    )
    assert isinstance(with_files, Document)
    assert [(cut.offset, cut.level) for cut in with_files.cuts] == [(offset, "file")]


def test_rejections_of_readers_pass_in_their_order() -> None:
    """What was left out before comes out where it stood."""
    rejection = Rejection(stage="documents", item_id="x", reason="binary", detail="")
    results = cleaned(raw("one"), rejection, raw("two"))
    assert [type(result) for result in results] == [Document, Rejection, Document]


def test_length_and_licence_decide() -> None:
    """Too short, and a licence that is not allowed or not given, are rejections with numbers and names."""
    (short,) = cleaned(raw("one two"), min_tokens=3)
    assert isinstance(short, Rejection)
    assert (short.reason, short.item_id) == ("too_short", "books/t.txt")
    assert "2 tokens" in short.detail
    allow = {"allow": ["CC0-1.0"]}
    results = cleaned(raw("one", license="CC0-1.0"), raw("one", license="GPL"), raw("one"), licenses=allow)
    assert [r.reason if isinstance(r, Rejection) else "kept" for r in results] == ["kept", "license", "license"]


def test_a_long_document_is_cut_and_the_rest_is_told() -> None:
    """Above the most tokens a document ends at its last cut below; its id, count and cuts are those of what is left."""
    text = prose(3, paragraphs=40)
    result, rest = cleaned(raw(text), max_tokens=500)
    assert isinstance(result, Document)
    assert isinstance(rest, Rejection)
    assert text.startswith(result.text)
    assert text[len(result.text) :].startswith("\n\n")
    assert 400 < result.n_tokens == WordTokenizer().count(result.text) <= 500
    assert result.document_id == make_id(result.text) == rest.item_id
    assert all(cut.offset < len(result.text) for cut in result.cuts)
    assert (rest.reason, "of 1,640 tokens" in rest.detail) == ("cut_to_max_tokens", True)
    (hopeless,) = cleaned(raw(prose(1).replace("\n", " ")), max_tokens=500)
    assert isinstance(hopeless, Rejection)
    assert hopeless.reason == "too_long"


def test_language_and_quality_decide() -> None:
    """Each rejection says what was found and which key of the recipe decides; code has rules of its own."""
    german = "Der Wärter schrieb jeden Abend in sein Buch, welche Schiffe vorbeigefahren waren und wie der Wind stand. "
    results = cleaned(raw(german * 30), raw(german, language="en"), raw(german, kind="code"), languages=["en", "fr"])
    assert [r.reason if isinstance(r, Rejection) else "kept" for r in results] == ["language", "kept", "kept"]
    assert isinstance(results[0], Rejection)
    assert results[0].detail.startswith("its language is de in ")
    assert results[0].detail.endswith("documents.languages allows en, fr")
    log = "The server has been started.\n" * 60
    (repeated,) = cleaned(raw(log))
    assert isinstance(repeated, Rejection)
    assert repeated.reason == "repeated_lines"
    assert "documents.quality.prose.max_repeated_lines is 0.6" in repeated.detail
    (as_code,) = cleaned(raw(log, kind="code"))
    assert isinstance(as_code, Rejection)
    assert "documents.quality.code.max_repeated_lines is 0.9" in as_code.detail
    assert isinstance(cleaned(raw(log), quality=None)[0], Document)
    assert isinstance(cleaned(raw(log), quality={"prose": None})[0], Document)


def test_overlap_with_evaluation_is_a_rejection() -> None:
    """A run of thirteen words of an excluded text, whatever the case and the marks between, and no shorter one."""
    words = "one two three four five six seven eight nine ten eleven twelve thirteen".split()
    excluded = ExcludedText([("bench.jsonl", "Before. " + " ".join(words).upper() + " after.")])
    (hit,) = cleaned(raw("Start: " + ", ".join(words) + "!"), exclude=excluded)
    assert isinstance(hit, Rejection)
    assert hit.reason == "overlaps_evaluation"
    assert hit.detail.startswith("bench.jsonl: ")
    assert "one two three" in hit.detail
    (near,) = cleaned(raw("Start: " + ", ".join(words[:12]) + "! zero"), exclude=excluded)
    assert isinstance(near, Document)
    assert ExcludedText([("f", "a b")]).fingerprint == ExcludedText().fingerprint != excluded.fingerprint


@pytest.mark.parametrize(
    ("text", "kind", "level"),
    [
        ("CHAPTER XIV. The Lamp", "book", "chapter"),
        ("Chapter 3", "book", "chapter"),
        ("PART THE SECOND", "book", "chapter"),
        ("IV", "book", "chapter"),
        ("VII. The Adventure", "book", "chapter"),
        ("Kapitel 3", "book", "chapter"),
        ("Erstes Kapitel", "book", "chapter"),
        ("CHAPITRE IV. Le port", "book", "chapter"),
        ("Глава первая", "book", "chapter"),
        ("Глава 2. Маяк", "book", "chapter"),
        ("第一章 起源", "book", "chapter"),
        ("第十二回", "book", "chapter"),
        ("제 3 장", "book", "chapter"),
        ("# Rope", "book", "chapter"),
        ("# Methods", "paper", "section"),
        ("## Rope", "book", "section"),
        ("THE OLD PILOT", "book", "section"),
        ("I went home that day.", "book", "paragraph"),
        ("Chapters are many here.", "book", "paragraph"),
        ("Teil der Wahrheit war es.", "book", "paragraph"),
        ("Глава города молчал.", "book", "paragraph"),
        ("第一章就是这样。", "book", "paragraph"),
        ("# comment", "code", "paragraph"),
    ],
)
def test_levels_of_cuts(text: str, kind: str, level: str) -> None:
    """Headings in the ways that books and papers write them; code has none."""
    places = find_places("x " * 150 + f"\n\n{text}\n\nMore.", kind, (), lambda _: True)
    assert places[0] == (302, level)


def test_cuts_obey_the_tokenizer() -> None:
    """No cut before a character at which counts do not add up."""
    text = "\n\n".join(["/ one " * 50, "two " * 60, "/ three " * 40])
    places = find_places(text, "book", (), lambda char: char != "/")
    assert [text[offset] for offset, _ in places] == ["t"]


def test_text_without_empty_lines_can_be_cut() -> None:
    """Verse and tables give cuts before lines, so that no stretch is much longer than a page."""
    text = "\n".join(f"Line {i} of a poem that never pauses for breath" for i in range(1_000))
    offsets = [offset for offset, _ in find_places(text, "book", (), lambda _: True)]
    gaps = [b - a for a, b in zip([0, *offsets], [*offsets, len(text)], strict=True)]
    assert max(gaps) <= 3_000
    assert all(text[offset - 1] == "\n" for offset in offsets)


def test_terms_are_names_identifiers_and_rare_words() -> None:
    """What a text is about, without what every text has; sentence starts alone make no name."""
    text = "The boat left. In winter Ines Halvorsen met the keeper. However `tide_gain` rose, and tideGain2 too."
    terms = {term.term: term.count for term in rare_terms(text)}
    assert {"Ines Halvorsen", "Halvorsen", "tide_gain", "tideGain2", "keeper"} <= set(terms)
    assert not {"The", "However", "the", "and"} & set(terms)
    many = rare_terms(" ".join(f"name_{i}" for i in range(1_000)) + " " + prose(1))
    assert len(many) <= 256
    assert [term.term for term in many] == sorted(term.term for term in many)


def test_signatures_are_the_same_everywhere() -> None:
    """Committed values: another machine, process or version of the library must give the same."""
    assert signature("The cat sat on the mat by the door.")[:3] == [3295415269, 3332377144, 3479685412]
    assert similarity(signature(prose(1)), signature(prose(1).upper().replace(".", "!"))) == 1
    assert similarity(signature(prose(1)), signature(prose(2))) < 0.5
    assert len(signature("")) == 128


def test_duplicates_are_found_and_told() -> None:
    """Of equal documents the first stays, of similar ones the longest; each other one is a rejection."""
    long = prose(1, 60)
    texts = [long[: long.rindex("\n\n")], prose(2), long, prose(2), prose(3)]
    rows = listed(texts)
    plans, rejections = plan_documents(rows, DocumentsConfig(), seed=1)
    ids = [row.document_id for row in rows]
    assert [plan.document_id for plan in plans] == ids
    assert [plan.duplicate_of for plan in plans] == [ids[2], None, None, ids[1], None]
    assert [(r.item_id, r.reason) for r in rejections] == [(ids[0], "near_duplicate"), ("0/3", "duplicate")]
    assert "the same as 0/2" in rejections[0].detail
    assert "equal to 0/1" in rejections[1].detail


def test_near_duplicates_may_stay() -> None:
    """With `near_duplicate: null` only equal documents are dropped."""
    long = prose(1, 60)
    rows = listed([long, long + " More.", long])
    plans, _ = plan_documents(rows, DocumentsConfig(near_duplicate=None), seed=1)
    assert [plan.duplicate_of is None for plan in plans] == [True, True, False]


def test_splits_meet_their_shares() -> None:
    """Counts are the shares as nearly as whole documents allow, and follow the seed alone, not the order of rows."""
    config = DocumentsConfig(splits={"train": 0.8, "validation": 0.15, "test": 0.05})  # type: ignore[arg-type]
    rows = listed([prose(seed) for seed in range(40)])
    plans, _ = plan_documents(rows, config, seed=1)
    assert Counter(plan.split for plan in plans) == {"train": 32, "validation": 6, "test": 2}
    assert plan_documents(rows[::-1], config, seed=1)[0] == plans
    other = {plan.document_id: plan.split for plan in plan_documents(rows, config, seed=2)[0]}
    assert other != {plan.document_id: plan.split for plan in plans}


def test_growth_keeps_what_was_planned() -> None:
    """Earlier plans stay and are not given again; new documents that resemble earlier ones are their duplicates."""
    config = DocumentsConfig(splits={"train": 0.5, "validation": 0.5})  # type: ignore[arg-type]
    old = listed([prose(seed) for seed in range(4)])
    earlier, _ = plan_documents(old, config, seed=1)
    similar = prose(0) + "\n\n" + "Ending added later."
    new = listed([prose(1), similar, *(prose(seed) for seed in range(10, 16))], part=1)
    plans, rejections = plan_documents([*old, *new], config, seed=1, earlier=earlier)
    assert [plan.part for plan in plans] == [1] * 8
    assert plans[0].duplicate_of == old[1].document_id
    assert plans[1].duplicate_of == old[0].document_id
    by_id = {plan.document_id: plan.split for plan in earlier}
    assert (plans[0].split, plans[1].split) == (by_id[old[1].document_id], by_id[old[0].document_id])
    assert [r.reason for r in rejections] == ["duplicate", "near_duplicate"]
    kept: list[Plan] = [plan for plan in [*earlier, *plans] if plan.duplicate_of is None]
    assert Counter(plan.split for plan in kept) == {"train": 5, "validation": 5}


def test_no_documents_no_plan() -> None:
    """An empty corpus plans nothing."""
    assert plan_documents([], DocumentsConfig(), seed=1) == ([], [])


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents and rejections come in the order in which they were read, however many are counted together."""
    left_out = Rejection(stage="documents", item_id="x", reason="binary", detail="no text")
    raws: list[RawDocument | Rejection] = [
        raw(prose(1)),
        left_out,
        raw("Short."),
        raw(prose(2)),
        left_out,
        raw(prose(3)),
        left_out,
    ]
    together = cleaned(*raws, min_tokens=5)
    assert [isinstance(entry, Rejection) for entry in together] == [False, True, True, False, True, False, True]
    monkeypatch.setattr(stage, "BATCH_CHARS", 1)
    assert cleaned(*raws, min_tokens=5) == together


def test_what_goes_wrong_while_counting_or_reading_is_told() -> None:
    """An error of the thread that counts comes out of the stage, as one of the reader does; no thread is left."""

    class Failing(WordTokenizer):
        def cumulative_batch(self, texts: Sequence[str], offsets: Sequence[Sequence[int]]) -> list[list[int]]:
            raise OverflowError(f"{len(texts)} texts, {len(offsets)} lists")

    def reading() -> Iterator[RawDocument]:
        yield raw(prose(1))
        raise ZeroDivisionError

    config = DocumentsConfig(min_tokens=1)
    with pytest.raises(OverflowError, match="1 texts, 1 lists"):
        list(clean([raw(prose(1))], config, Failing(), ExcludedText()))
    with pytest.raises(ZeroDivisionError):
        list(clean(reading(), config, WordTokenizer(), ExcludedText()))
    unfinished = clean([raw(prose(seed)) for seed in range(3)], config, WordTokenizer(), ExcludedText())
    next(unfinished)
    unfinished.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("counting")]
