"""Checks of novelty: a question says what no other of its context says, and no evaluation set."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from rapidfuzz import fuzz

from longhop.answers import normalize
from longhop.checks.wording import plain_words
from longhop.cleaning.overlap import RUN, ExcludedText
from longhop.kinds import kind_of
from longhop.reading import content_words
from longhop.recipe import ChecksConfig
from longhop.records import Question

__all__ = ["EvaluationSets", "duplicate", "evaluation"]

_SAME = 0.98  # likeness of two questions with different answers that are still the same question
_OTHER_WORDS = 0.6  # likeness of two questions out of few options that have the same answer out of the same passages
_LEAST = 4  # words of a question below which equality with an evaluation set says nothing
_CONTAINED = 7  # words of an evaluation set's question that stand in a longer one
_WORD = re.compile(r"\w+")


class EvaluationSets:
    """Texts of evaluation sets, and what a question has in common with them.

    A question of 13 words and more shares 13 words in a row with a text, or has a whole shorter question of the sets in
    it; a shorter one stands in a text as a whole. Case and punctuation aside.

    Args:
        texts: The texts that `longhop.sources.excluded.read_excluded` gives.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        kept = list(texts)
        self._runs = ExcludedText(("", text) for text in kept)
        lines = sorted({" ".join(_WORD.findall(text.lower())) for text in kept} - {""})
        # One text, so that a short question is looked up by one search; a line's end is in no question.
        self._lines = "\n".join(f" {line} " for line in lines)
        self._short = {line for line in lines if _CONTAINED <= line.count(" ") + 1 < RUN}

    @property
    def fingerprint(self) -> str:
        """Hash of the words, whatever files they came from."""
        return hashlib.sha256(self._lines.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    def overlap(self, question: str) -> str | None:
        """The words that a question shares with the sets, or None."""
        words = _WORD.findall(question.lower())
        if not self._lines or len(words) < _LEAST:
            return None
        whole = " ".join(words)
        if len(words) < RUN and f" {whole} " in self._lines:
            return whole
        if run := self._runs.overlap(question):
            return run.run
        for length in range(_CONTAINED, min(RUN - 1, len(words)) + 1):
            for at in range(len(words) - length + 1):
                if (part := " ".join(words[at : at + length])) in self._short:
                    return part
        return None


def evaluation(question: Question, sets: EvaluationSets) -> str | None:
    """No overlap with the evaluation sets of `checks.exclude`."""
    run = sets.overlap(question.question)
    return f"shares “{run}” with a text of checks.exclude" if run else None


def duplicate(question: Question, earlier: Sequence[Question], checks: ChecksConfig) -> str | None:
    """No near-duplicate among the questions of the same context that came before and passed.

    Two questions are near-duplicates when they have the same words in any order; when nearly all their content words
    are the same; or when they have the same answer out of the same passages. Two that differ in a number or a name ask
    of different things, however alike their sentences are.
    """
    for other in earlier:
        if _same_ground(question, other):
            return f"the same answer out of the same passages as {other.question!r}"
        likeness = _likeness(question.question, other.question)
        # Two of the same form with other answers may well ask of two things that only a word tells apart.
        if likeness >= (checks.duplicate if _same_answer(question, other) else max(checks.duplicate, _SAME)):
            return f"likeness {likeness:.2f} with {other.question!r}"
    return None


def _likeness(one: str, other: str) -> float:
    """Likeness of two questions, 0 to 1, whatever the order of their words."""
    first, second = plain_words(one), plain_words(other)
    if _telling(one) - set(second) or _telling(other) - set(first):
        return 0.0
    by_words = fuzz.token_sort_ratio(" ".join(first), " ".join(second)) / 100
    own, others = content_words(one), content_words(other)
    if not own or not others:
        return by_words
    common = 2 * len(own & others) / (len(own) + len(others))
    # A single word that stands for another, `miller` for `pilot`, makes another question of long sentences.
    apart = own ^ others
    if by_words < 1 and apart and not any(_akin(word, own | others) for word in apart):
        by_words = min(by_words, common)
    return max(by_words, common)


def _akin(word: str, words: frozenset[str]) -> bool:
    """Whether another word has the same beginning: `memorise` and `memorised`."""
    return any(other != word and fuzz.ratio(word, other) >= 80 for other in words)


def _telling(text: str) -> frozenset[str]:
    """Numbers and names of a question, but for its first word."""
    names = re.findall(r"(?<=[\w,;:] )[A-ZÀ-Þ][\w’'-]*", text)
    return frozenset(plain_words(" ".join([*re.findall(r"\d+(?:[.,]\d+)*", text), *names])))


def _same_answer(one: Question, other: Question) -> bool:
    return normalize(one.reference_answer, one.question) == normalize(other.reference_answer, other.question)


def _same_ground(one: Question, other: Question) -> bool:
    if not one.evidence or one.kind != other.kind or not _same_answer(one, other):
        return False
    # Of the same two facts one may ask which is larger, and whether they are equal.
    if kind_of(one.kind).few_options and _likeness(one.question, other.question) < _OTHER_WORDS:
        return False
    return {(e.document_id, e.start, e.end) for e in one.evidence} == {
        (e.document_id, e.start, e.end) for e in other.evidence
    }
