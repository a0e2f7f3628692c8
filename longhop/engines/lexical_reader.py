"""The reading half of the lexical engine: answers a question by searching the documents, hop by hop, from text alone.

    >>> attempt = read(ContextIndex.of_context(context), question, Random(7), temperature=1.0)
    >>> attempt.answer
    '340'

The reader gets the question and the documents. It looks for the sentence that fits the description, takes a name out of
it that the question does not say, looks for sentences with that name, and takes from the best the kind of thing that is
asked for. `temperature` disturbs the ranking of candidates and the order in which documents are opened, so that
attempts differ in length and some go wrong, as a model's would.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from longhop.engines.lexical_index import ContextIndex, Place
from longhop.reading import Unit, content_words, is_identifier

__all__ = ["Attempt", "read"]

_UNKNOWN = "unknown"
_LEAST_SHARED = 0.25  # of a question's words by their weight: a guess with less is none where there may be no answer
_COMPARISON = re.compile(r"^Which of these two (?P<asked>.+?): (?P<pair>.+)\?$", re.DOTALL)
_YEARS_BETWEEN = re.compile(r"^How many years lie between the year in which (?P<pair>.+)\?$", re.DOTALL)
_TOGETHER = re.compile(r"^(?P<pair>.+) together (?P<asked>.+how many.+)\?$", re.DOTALL)
_NAME_ASKED = re.compile(r"^What is the name of the (?P<described>.+)\?$", re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.,/:-])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w:/]|[.,]\d|-\w)")
_NUMERAL = re.compile(
    r"\b(?:[a-z]+ty(?:-[a-z]+)?|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[a-z]+teen|hundred|thousand)\b"
)
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s?(?:%|per\s?cent\b)")
_YEAR = re.compile(r"\b(?:1[0-9]{3}|20[0-9]{2})\b")
_VALUE = re.compile(r"""[:=]\s*(-?\d[\d_]*(?:\.\d+)?|"[^"]+"|'[^']+')""")
_FORM = content_words(
    "which value does the code give for, what is the value of the parameter missing from the words, which class "
    "extends the function documented as, in the words the gap stands for the person, place or one, whom"
)
_ASKS = re.compile(
    r"which year|what percentage|how many(?: (?P<noun>°?[^\W\d_][\w°/³²-]*))?|what number|which value|"
    r"what is the value|whom|which place|which class|what",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What the reader thought, and what it ends with."""

    reasoning: str
    answer: str


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    clue: Place
    fact: Place
    answer: str
    score: float


class _Reader:
    def __init__(self, index: ContextIndex, rng: Random, temperature: float) -> None:
        self.index = index
        self.rng = rng
        self.temperature = temperature
        self.lines: list[str] = []

    # Searching

    def find(self, question: str) -> _Found | None:
        """The best two hops: a sentence that fits the description, and one on the name in it."""
        index = self.index
        words = _asked_words(question)
        weights = {word: index.weight(word) for word in words}
        said = set(re.findall(r"\w+", question))
        everything = sum(weights.values()) or 1.0
        best: dict[tuple[str, str], _Found] = {}
        candidates = index.matches(words, most=60)
        for _, clue in candidates:
            for mention in index.at(clue).entities:
                name = mention.name
                if name not in index.pages or set(name.split()) & said:
                    continue
                first = words & index.words(clue)
                for fact in index.places(name):
                    if fact == clue:
                        continue
                    answer = self.extract(question, name, index.at(fact), index.containers.get(fact))
                    if answer is None or answer.lower() in name.lower():
                        continue
                    covered = first | (words & index.words(fact))
                    score = sum(weights[word] for word in covered) / everything
                    # Two documents beat one: a sentence and its neighbour about the same name are a single piece.
                    score -= 0.1 * (fact.page == clue.page)
                    key = (name, answer)
                    if key not in best or score > best[key].score:
                        best[key] = _Found(name, clue, fact, answer, score)
        return self.choose(list(best.values()))

    def find_name(self, description: str) -> tuple[str, Place, float] | None:
        """The name that a description fits best."""
        index = self.index
        words = content_words(description)
        said = set(re.findall(r"\w+", description))
        everything = sum(map(index.weight, words)) or 1.0
        found: dict[str, tuple[float, Place]] = {}
        for score, place in index.matches(words, most=40):
            for mention in index.at(place).entities:
                if mention.name in index.pages and not set(mention.name.split()) & said:
                    # The subject of a sentence comes first and is what the sentence describes.
                    rank = score / everything - 0.02 * (mention.start > 4)
                    if mention.name not in found or rank > found[mention.name][0]:
                        found[mention.name] = (rank, place)
        if not found:
            return None
        name = max(sorted(found), key=lambda name: found[name][0] + self.noise())
        return name, found[name][1], found[name][0]

    def find_fact(self, name: str, asked: str, but: Place | None = None) -> tuple[Place, str] | None:
        """The sentence that says of `name` what is asked, and the answer in it."""
        words = content_words(asked)
        ranked = []
        for place in self.index.places(name):
            answer = self.extract(asked, name, self.index.at(place), self.index.containers.get(place))
            if place != but and answer is not None:
                weight = sum(map(self.index.weight, words & self.index.words(place)))
                ranked.append((weight + self.noise() * sum(map(self.index.weight, words)), place, answer))
        if not ranked:
            return None
        _, place, answer = max(ranked, key=lambda item: (item[0], -item[1].page, -item[1].unit))
        return place, answer

    def guess(self, question: str, least: float = 0.0) -> tuple[Place, str] | None:
        """Without a name to go by: any sentence that looks like an answer and has that share of the question."""
        guesses = []
        words = content_words(question)
        least *= sum(self.index.weight(word) for word in sorted(words))
        for score, place in self.index.matches(words, most=30):
            if score < least:
                break
            unit = self.index.at(place)
            names = [mention.name for mention in unit.entities]
            answer = self.extract(question, names[0] if names else "", unit, self.index.containers.get(place))
            if answer is not None:
                guesses.append((score, place, answer))
        if not guesses:
            return None
        most = max(score for score, _, _ in guesses)
        close = [(place, answer) for score, place, answer in guesses if score >= 0.85 * most]
        return self.rng.choice(close)

    def choose(self, found: list[_Found]) -> _Found | None:
        if not found:
            return None
        found.sort(key=lambda item: (-item.score, item.name, item.answer))
        return max(found[:8], key=lambda item: item.score + self.noise())

    def noise(self) -> float:
        """Gumbel noise, so that a candidate wins about as often as a softmax over the scores would let it."""
        draw = -math.log(-math.log(min(max(self.rng.random(), 1e-12), 1 - 1e-12)))
        return 0.09 * self.temperature * draw

    def extract(self, question: str, name: str, unit: Unit, container: str | None) -> str | None:
        """The part of a sentence that is of the kind asked for; None where it has none."""
        asks = list(_ASKS.finditer(question))
        ask = asks[-1] if asks else None
        kind = ask[0].lower() if ask else "what"
        at = unit.text.find(name)
        after = unit.text[at + len(name) :] if at >= 0 and name else unit.text
        if kind in ("which value", "what is the value"):
            quoted = re.search(r"`(\w+)`", question)
            if quoted and quoted[1] != container and quoted[1] not in unit.text:
                return None
            value = _VALUE.search(after)
            return value[1].strip("\"'").replace("_", "") if value and unit.is_code else None
        if kind == "which class":
            extends = re.match(rf"class\s+(\w+)\s*\([^)]*{re.escape(name)}", unit.text)
            return extends[1] if extends else None
        if kind == "which year":
            year = _YEAR.search(after)
            return year[0] if year else None
        if kind == "what percentage":
            share = _SHARE.search(after)
            return f"{share[1]}%" if share else None
        if kind == "what number":
            number = _NUMBER.search(after)
            return number[0] if number else None
        if kind.startswith("how many"):
            noun = (ask["noun"] or "") if ask else ""
            for number in [*_NUMBER.finditer(after), *_NUMERAL.finditer(after)]:
                if after[number.end() :].lstrip().lower().startswith(noun.lower()[:-1] or noun.lower()):
                    return number[0]
            return None
        before = question[: ask.start()].rstrip().rpartition(" ")[2] if ask else ""
        others = [m.name for m in unit.entities if m.name != name and m.start > at and m.name not in question]
        for other in others:
            if before and f" {before} {other}" in unit.text.replace(" the ", " "):
                return other
        return others[0] if others and not is_identifier(others[0]) else None

    # Telling

    def say(self, line: str) -> None:
        self.lines.append(line)

    def title(self, place: Place) -> str:
        return self.index.documents[place.page].title

    def quote(self, place: Place) -> str:
        unit = self.index.at(place)
        container = self.index.containers.get(place)
        return f"{container}: {unit.text}" if container else unit.text

    def look_around(self, question: str, but: set[Place]) -> None:
        """Tell of some sentences that were read and led nowhere."""
        ranked = [place for _, place in self.index.matches(content_words(question), most=24) if place not in but]
        most = min(len(ranked), 6)
        for place in self.rng.sample(ranked, self.rng.randint(0, most)) if most else []:
            remark = self.rng.choice(
                [
                    "That does not fit the description.",
                    "Close in words, but about something else.",
                    "Not what is asked.",
                ]
            )
            self.say(f'In "{self.title(place)}" I read: "{self.quote(place)}" {remark}')

    def two_hops(self, name: str, clue: Place, fact: Place, answer: str) -> None:
        self.say(f'"{self.title(clue)}" says: "{self.quote(clue)}" So the description fits {name}.')
        self.say(f'Of {name}, "{self.title(fact)}" says: "{self.quote(fact)}" That gives {answer}.')


def _asked_words(question: str) -> frozenset[str]:
    """The words of a question that say what it is about, without those that every question of its form has."""
    words = content_words(question)
    return words - _FORM if len(words - _FORM) >= 3 else words


def read(index: ContextIndex, question: str, rng: Random, temperature: float, *, guess: bool = True) -> Attempt:
    """One attempt at a question; `temperature` 0 takes the best candidate everywhere.

    Where the documents may not hold the answer, `guess` is false: a sentence that has few of the question's words then
    answers nothing.
    """
    reader = _Reader(index, rng, temperature)
    if not index.documents:
        return Attempt("There is no document to search, and I know nothing by heart.", _UNKNOWN)
    # Now and then an attempt jumps to the first sentence that looks like an answer: the commonest fault of models, too.
    if guess and rng.random() < 0.14 * temperature:
        reader.say("The question seems to go back to one passage, so I look for its words.")
        answer = _nearest(reader, question) or _UNKNOWN
    else:
        reader.say(_opening(rng))
        least = 0.0 if guess else _LEAST_SHARED
        found = _step(reader, question) or _pair(reader, question) or _single(reader, question, least=least)
        answer = found or _UNKNOWN
    reader.say(f"So the answer is {answer}." if answer != _UNKNOWN else "I find no answer in the documents.")
    return Attempt("\n".join(reader.lines), answer)


def _opening(rng: Random) -> str:
    return rng.choice(
        [
            "I look for the passage that fits the description, then for what is said about it elsewhere.",
            "First I need the name that the question describes without saying it.",
            "The question goes over two documents: one describes, another tells.",
        ]
    )


def _step(reader: _Reader, question: str) -> str | None:
    """One hop, as checks ask for it: the name that a description fits, or what is said of a name."""
    if match := _NAME_ASKED.match(question):
        found = reader.find_name(match["described"])
        return found[0] if found else None
    lowered = question.lower()
    for name in sorted(reader.index.pages, key=lambda name: (-len(name), name)):
        if lowered.startswith(f"{name.lower()} ") or lowered.endswith(f" for {name.lower()}?"):
            fact = reader.find_fact(name, question)
            return fact[1] if fact else None
    return None


def _single(reader: _Reader, question: str, *, least: float) -> str | None:
    found = reader.find(question)
    if found is not None and found.score > 0.45:
        reader.look_around(question, {found.clue, found.fact})
        reader.two_hops(found.name, found.clue, found.fact, found.answer)
        return found.answer
    reader.say("No name ties two passages together.")
    return _nearest(reader, question, least)


def _nearest(reader: _Reader, question: str, least: float = 0.0) -> str | None:
    guess = reader.guess(question, least)
    if guess is None:
        return None
    place, answer = guess
    reader.look_around(question, {place})
    reader.say(f'The nearest is in "{reader.title(place)}": "{reader.quote(place)}"')
    return answer


def _pair(reader: _Reader, question: str) -> str | None:
    """Comparisons and calculations: two descriptions, the same question about both."""
    if match := _COMPARISON.match(question):
        asked = match["asked"]
        years = asked.endswith(" earlier") or " earlier " in f" {asked} "
        sub = (
            re.sub(r"\bearlier\b", "in which year", asked) if years else re.sub(r"\bmore\b", "how many", asked, count=1)
        )
        sub = re.sub(r"\bthe greater (\w+)\b", r"a \1 of how many", sub)
        hops = _both(reader, _splits(match["pair"], ", or "), sub)
        if hops is None:
            return None
        (one, first), (two, second) = hops
        reader.say(f"I compare {first} and {second}.")
        return one if (_value(first) < _value(second)) == years else two
    if match := _YEARS_BETWEEN.match(question):
        hops = _both(reader, _splits(match["pair"], " and the year in which "), "in which year")
        if hops is None:
            return None
        (_, first), (_, second) = hops
        reader.say(f"From {first} to {second}.")
        return f"{abs(_value(first) - _value(second)):g}"
    if match := _TOGETHER.match(question):
        hops = _both(reader, _splits(match["pair"], " and "), match["asked"])
        if hops is None:
            return None
        (_, first), (_, second) = hops
        reader.say(f"{first} and {second} together.")
        total = _value(first) + _value(second)
        return str(int(total)) if total == int(total) else f"{total:.6g}"
    return None


def _splits(pair: str, word: str) -> Iterator[tuple[str, str]]:
    start = 0
    while (at := pair.find(word, start)) >= 0:
        yield pair[:at], pair[at + len(word) :]
        start = at + len(word)


def _both(
    reader: _Reader, splits: Iterator[tuple[str, str]], asked: str
) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Name and number of either description, for the split into two descriptions that fits best."""
    best: tuple[float, tuple[str, Place], tuple[str, Place]] | None = None
    parts = list(splits)
    for left, right in parts:
        first, second = reader.find_name(left), reader.find_name(right)
        if first and second and first[0] != second[0]:
            score = min(first[2], second[2])
            if best is None or score > best[0]:
                best = (score, first[:2], second[:2])
                asked_of = (f"{left} {asked}", f"{right} {asked}") if asked == "in which year" else (asked, asked)
    if best is None:
        return None
    reader.look_around(" ".join(parts[0]), {best[1][1], best[2][1]})
    told = []
    for (name, clue), question in zip(best[1:], asked_of, strict=True):
        fact = reader.find_fact(name, question, clue)
        if fact is None:
            reader.say(f"The description fits {name}, but nothing more is said of {name}.")
            return None
        reader.two_hops(name, clue, *fact)
        told.append((name, fact[1]))
    return told[0], told[1]


def _value(answer: str) -> float:
    try:
        return float(answer.replace(",", "").rstrip("%"))
    except ValueError:
        return 0.0
