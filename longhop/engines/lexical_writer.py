"""The writing half of the lexical engine: questions of two and more hops, composed out of clues and facts.

    >>> draft = write(ContextIndex(pages), count=1, kinds={"bridge": 1}, rng=Random(7))[0]
    >>> draft.question, draft.answer
    ('The person who memorised every rock of the sound paid how many crowns into the chest?', '340')

Three kinds. `bridge`: one document describes a name, another says something about it. `comparison`: two names that one
document compares and two others describe. `calculation`: the same two, their numbers summed or, for years, subtracted.
A fact is preferred where its document says the like of other names too, for only then the description is needed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from rapidfuzz import fuzz

from longhop.engines.lexical_facts import Clue, Fact, find_clues, find_facts, naming_words
from longhop.engines.lexical_index import ContextIndex, Place
from longhop.kinds import LEXICAL_KINDS

__all__ = ["Draft", "DraftStep", "write"]

_MOST_NAMES = 400  # candidates read closely; a context of a million tokens has thousands
_LEAST_QUALITY = 0.0
_LEAST_CLUE = -1.5
_MOST_DOCUMENTS = 4  # a name that stands everywhere bridges nothing
_NOT_SUMMED = re.compile(
    r"\b(?:metre|meter|feet|foot|degree|knot|km|m|cm|mm|°C|percent|o'clock|hertz|volt|tonne|bar)s?\b", re.IGNORECASE
)
_RATE = re.compile(
    r"\bper\b|\baverage\b|\b(?:in|within|by|every|to|at) how many\b|\bhow many \w+ (?:a|an|each|every)\b"
)
_STATES = re.compile(r"^\s*(?:was|is|were|are|has|have|measures?|stands?|reached|reaches|weighs?|lies|holds?)\b")


@dataclass(frozen=True, slots=True)
class DraftStep:
    """A hop as the writer states it; `place` is where its quote stands, None for a step that computes."""

    question: str
    answer: str
    place: Place | None
    uses: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as the writer states it."""

    kind: str
    question: str
    answer: str
    answer_type: str
    aliases: tuple[str, ...]
    steps: tuple[DraftStep, ...]
    quality: float = field(compare=False, default=0.0)


@dataclass(frozen=True, slots=True)
class _Hop:
    """A name described in one document and spoken of in another."""

    clue: Clue
    fact: Fact
    parallels: int
    quality: float


def write(index: ContextIndex, *, count: int, kinds: Mapping[str, float], rng: Random) -> list[Draft]:
    """Up to `count` questions, of the kinds that `kinds` weighs; kinds that are not in `LEXICAL_KINDS` are left out."""
    hops = _find_hops(index, rng)
    pools = {
        "bridge": lambda: [_bridge(hop) for hop in hops],
        "comparison": lambda: _pairs(hops, _compare),
        "calculation": lambda: _pairs(hops, _calculate),
    }
    wanted = [kind for kind in LEXICAL_KINDS if kind in kinds]
    ready = {kind: _in_order(pools[kind](), rng) for kind in wanted}
    drafts: list[Draft] = []
    described: set[str] = set()
    told: set[Place] = set()
    while len(drafts) < count and any(ready.values()):
        open_kinds = [kind for kind in wanted if ready[kind]]
        kind = rng.choices(open_kinds, [kinds[kind] for kind in open_kinds])[0]
        draft = ready[kind].pop(0)
        names = {step.answer for step in draft.steps if step.place and not step.uses}
        facts = {step.place for step in draft.steps if step.place and step.uses}
        if names & described or facts & told:
            continue
        described |= names
        told |= facts
        drafts.append(draft)
    return drafts


def _in_order(drafts: list[Draft], rng: Random) -> list[Draft]:
    """The best first, shuffled among those about as good, so that contexts do not all ask in the order of names."""
    keyed = [(-draft.quality + rng.random() * 0.9, draft.question, draft) for draft in drafts]
    return [draft for _, _, draft in sorted(keyed, key=lambda item: item[:2])]


def _find_hops(index: ContextIndex, rng: Random) -> list[_Hop]:
    names = [
        name
        for name, pages in index.pages.items()
        if 2 <= len(pages) <= _MOST_DOCUMENTS and len(name) > 3 and (" " in name or "_" in name or len(name) > 4)
    ]
    if len(names) > _MOST_NAMES:
        names = rng.sample(sorted(names), _MOST_NAMES)
    hops = []
    for name in sorted(names):
        clues = find_clues(index, name)[:6]
        facts = find_facts(index, name)[:8] if clues else []
        for clue, fact in itertools.product(clues, facts):
            if clue.place.page == fact.place.page or clue.quality < _LEAST_CLUE or not _apart(index, clue, fact):
                continue
            parallels = _parallels(index, fact)
            quality = clue.quality + fact.quality + (3.0 if parallels >= 2 else 2.0 if parallels else 0.0)
            quality += 0.3 * (index.documents[clue.place.page].kind != index.documents[fact.place.page].kind)
            if quality > _LEAST_QUALITY:
                hops.append(_Hop(clue, fact, parallels, quality))
    return [hop for hop in hops if _fits_one_name(index, hop.clue, hop.fact)]


def _apart(index: ContextIndex, clue: Clue, fact: Fact) -> bool:
    """Whether clue and fact are two pieces of knowledge, each told once."""
    text, said = index.at(clue.place).text, index.at(fact.place).text
    # The same passage in two documents bridges nothing.
    if fuzz.token_set_ratio(text, said) > 75:
        return False
    if fact.answer.lower() in clue.description.lower() or fact.answer.lower() in text.lower():
        return False
    if naming_words(fact.answer) & set(re.findall(r"\w+", f"{clue.description} {fact.before}{fact.after}")):
        return False
    if naming_words(clue.name) & set(re.findall(r"\w+", f"{fact.before}{fact.after}")):
        return False
    for place in index.places(clue.name):
        words = index.words(place)
        if place not in (clue.place, fact.place):
            if len(words & clue.words) >= 0.6 * len(clue.words) and place.page != clue.place.page:
                return False
            told = len(words & fact.words) >= 0.6 * max(1, len(fact.words))
            if told and place.page != fact.place.page and fact.words:
                return False
    return True


def _fits_one_name(index: ContextIndex, clue: Clue, fact: Fact) -> bool:
    """Whether no sentence about somebody else says most of what the clue says."""
    enough = 0.65 * sum(index.weight(word) for word in clue.words)
    for score, place in index.matches(clue.words, most=40):
        if score < enough:
            return True
        if place != clue.place and not any(mention.name == clue.name for mention in index.at(place).entities):
            return False
        if place.page == fact.place.page:
            return False
    return True


def _parallels(index: ContextIndex, fact: Fact) -> int:
    """How many other names the fact's document says the like of."""
    found = set()
    for number, unit in enumerate(index.units[fact.place.page]):
        place = type(fact.place)(fact.place.page, number)
        if place == fact.place or not unit.entities or unit.entities[0].name == fact.name:
            continue
        words = index.words(place)
        if len(words & fact.words) >= 0.6 * max(1, len(fact.words)) and bool(fact.words):
            found.add(unit.entities[0].name)
    return len(found)


def _bridge(hop: _Hop) -> Draft:
    clue, fact = hop.clue, hop.fact
    return Draft(
        kind="bridge",
        question=_sentence(fact.ask(clue.description)),
        answer=fact.answer,
        answer_type=fact.answer_type,
        aliases=fact.aliases,
        steps=_two_steps(hop, 0),
        quality=hop.quality,
    )


def _two_steps(hop: _Hop, at: int) -> tuple[DraftStep, DraftStep]:
    return (
        DraftStep(_sentence(f"what is the name of {hop.clue.description}"), hop.clue.name, hop.clue.place),
        DraftStep(_sentence(hop.fact.ask(hop.clue.name)), hop.fact.answer, hop.fact.place, (at,)),
    )


def _pairs(hops: list[_Hop], compose: Callable[[_Hop, _Hop, float, float], Iterator[Draft]]) -> list[Draft]:
    """Drafts on two hops whose facts are alike: the same document, the same words, the same noun."""
    alike: dict[tuple[int, str, str], dict[str, _Hop]] = {}
    for hop in hops:
        if not hop.fact.noun or hop.fact.before or "missing from" in hop.clue.description or hop.quality < 5:
            continue
        key = (hop.fact.place.page, " ".join(hop.fact.after.split()), hop.fact.noun)
        best = alike.setdefault(key, {}).setdefault(hop.fact.name, hop)
        if hop.quality > best.quality:
            alike[key][hop.fact.name] = hop
    drafts: list[Draft] = []
    for group in alike.values():
        for first, second in itertools.combinations(sorted(group.values(), key=lambda hop: hop.fact.name)[:8], 2):
            one, two = _number(first.fact.answer), _number(second.fact.answer)
            if one is None or two is None or one == two or first.clue.place == second.clue.place:
                continue
            drafts.extend(compose(first, second, one, two))
    return drafts


def _compare(first: _Hop, second: _Hop, one: float, two: float) -> Iterator[Draft]:
    fact = first.fact
    if fact.noun == "year":
        asked, of_year = re.subn(r"\bin which year\b", "earlier", fact.after)
        winner = first if one < two else second
    else:
        asked, of_year = re.subn(rf"\ba (\w+) of how many {re.escape(fact.noun)}\b", r"the greater \1", fact.after)
        if not of_year:
            asked, of_year = re.subn(r"\bhow many\b", "more", fact.after)
        winner = first if one > two else second
    if not of_year or re.search(r"\bwithin how many\b", fact.after):
        return
    steps = (*_two_steps(first, 0), *_two_steps(second, 2))
    name = winner.fact.name
    question = f"Which of these two{asked}: {first.clue.description}, or {second.clue.description}?"
    if naming_words(name) & set(re.findall(r"\w+", question)):
        return
    last = DraftStep(f"Of {fact.name} and {second.fact.name}, which{asked}?", name, None, (0, 1, 2, 3))
    yield Draft(
        "comparison",
        question,
        name,
        "name",
        (),
        (*steps, last),
        first.quality / 2 + second.quality / 2,
    )


def _calculate(first: _Hop, second: _Hop, one: float, two: float) -> Iterator[Draft]:
    fact = first.fact
    steps = (*_two_steps(first, 0), *_two_steps(second, 2))
    if fact.noun == "year":
        asked = re.sub(r"\s?\b(?:in|since|from|until|after|before|of|by) which year\b", "", fact.after)
        answer = _text(abs(one - two))
        question = (
            f"How many years lie between the year in which {first.clue.description}{asked} "
            f"and the year in which {second.clue.description}{asked}?"
        )
        noun = "years"
        last = f"How many years lie between {fact.answer} and {second.fact.answer}?"
    elif _NOT_SUMMED.search(fact.noun) or _STATES.search(fact.after) or _RATE.search(fact.after):
        return
    else:
        answer, noun = _text(one + two), fact.noun
        question = _sentence(f"{first.clue.description} and {second.clue.description} together{fact.after}")
        last = f"How many {noun} are {fact.answer} and {second.fact.answer} {noun} together?"
    if answer in question:
        return
    end = DraftStep(last, answer, None, (1, 3))
    yield Draft(
        "calculation",
        question,
        answer,
        "number",
        (f"{answer} {noun}",),
        (*steps, end),
        first.quality / 2 + second.quality / 2,
    )


def _number(answer: str) -> float | None:
    try:
        return float(answer.replace(",", ""))
    except ValueError:
        return None


def _text(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:.6g}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}?"
