"""What the lexical engine takes from sentences: clues that describe a name, and facts that say something about it.

    >>> clue = find_clues(index, "Ines Halvorsen")[0]
    >>> clue.description
    'the person who drew the first tide tables of Cale Sound'
    >>> fact = find_facts(index, "Ines Halvorsen")[0]
    >>> fact.ask("the keeper"), fact.answer
    ('the keeper paid how many crowns into the chest', '340')

Both are cut out of sentences by patterns: the name, then a predicate up to the first clause end. Where a name stands
inside a sentence, the sentence with a gap serves as description.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from longhop.engines.lexical_index import ContextIndex, Place
from longhop.reading import STOPWORDS, Mention, Unit, content_words, is_identifier

__all__ = ["Clue", "Fact", "find_clues", "find_facts", "naming_words"]

GAP = "____"
_CLAUSE_END = re.compile(r"[,;:?!]\s|\s[-–—]{1,3}\s|—|[.?!][\"'”’)]*$|[.;,]$|\s\(|\s\[|\s(?=because\b|although\b)")
_DANGLING = re.compile(r"\b(?:of|on|in|at|to|by|for|with|from|and|or|the|an?|was|is|were|are|as|than|that|which|who)$")
_POINTING = re.compile(
    r"\b(?:he|she|it|they|we|you|i|his|her|hers|him|its|their|them|our|my|me|us|your|this|that|these|those|here|there|"
    r"then|now|such|so|former|latter|above|below)\b",
    re.IGNORECASE,
)
_NUMBER = r"(?<![\w.,/:$£€#-])(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w:/]|[.,]\d|-\w)"
_SMALL = (
    "three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand"
).split()
_WORD_NUMBER = rf"\b(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)-[a-z]+|{'|'.join(_SMALL)})\b"
_COUNTED = re.compile(rf"(?P<number>{_NUMBER}|{_WORD_NUMBER})(?P<gap>\s)(?P<noun>°?[^\W\d_][\w°/³²-]*)")
_PERCENT = re.compile(rf"(?P<number>{_NUMBER})\s?(?:%|per\s?cent\b)")
_YEAR = re.compile(
    r"\b(?P<before>in|since|from|until|after|before|of|by)\s(?P<number>1[0-9]{3}|20[0-9]{2})\b(?!\s[a-z]+s\b)"
)
_BARE = re.compile(
    rf"(?:(?<=\sof\s)|(?<=\sto\s)|(?<=\sat\s)|(?<=\sis\s)|(?<=\sby\s)|(?<=\swas\s))(?P<number>{_NUMBER})(?=[.,;]|\s(?:in|at|for|on|and|when|by|with)\b|$)"
)
_VERBS = frozenset(
    """was is were are has have had became becomes remains began begins came comes went goes gave gives got gets made
    makes took takes drew draws wrote writes read reads built builds bought buys sold sells sent sends kept keeps held
    holds led leads left leaves lost loses met meets paid pays ran runs said says saw sees sang sings sat sits slept
    spoke speaks spent stood stands stole struck swam taught teaches told tells thought threw wore won wins grew grows
    knew knows fell falls fed found finds flew forgot fought hid hit hung laid lay lies lent let lit put rang rode rose
    rises sank set sets shook shot shut slid sought spread sprang sprung strove swore swung tore woke wove bore bred
    broke brought caught chose clung cut dealt did does dug drank drove ate can could may might must will would should
    shall cost costs won outran outlived overcame overtook undid understood withdrew wound swept""".split()
)
_PLACED = re.compile(r"\b(?P<before>by|to|from|with|at|in|near|off|on|under|for|into|after|of)\s(?:the\s)?$")
_PLACE_WORDS = frozenset(["at", "in", "near", "off", "on", "into"])
_VALUE = re.compile(
    r"""^\s*(?:[:=]|:=|=>)?\s*(?P<value>-?\d[\d_]*(?:\.\d+)?|"[^"]{2,60}"|'[^']{2,60}')\s*[,;})\]]*\s*(?:#.*|//.*)?$"""
)
_CODE_SIGNS = re.compile(r"[{}<>=$\\|]|\w\(\w|\w\.\w+\(|::|->|(?:\w+, ){6}|\*\*|\.\.\.$")
_PLAIN_WORD = re.compile(
    r"[\"'“‘(`]?[^\W\d_]+(?:['’-][^\W\d_]+)*[\"'”’)`]?[.,;:!?]?[\"'”’)]?|\d[\d,.]*%?[.,;:)]?|[^\W\d]\w*_\w+`?[.,;]?"
)
_GLUE = frozenset(
    "the a an of to in on at and or for with from by as is was are were be been had has that who which it".split()
)
_KINDS = {
    word: kind
    for kind, words in {
        "organisation": "company ferries lines brothers sons office board guild yard society fund archive observatory "
        "vault station institute museum school college university bank union club ministry department laboratory",
        "place": "basin quay mole pier narrows sound bay harbour port river lake mount mountain valley street road "
        "bridge castle abbey church chapel mill farm house hall inn tower gate hotel library hills mountains islands",
        "crop": "barley wheat oat oats rye bean kale maize rice",
        "thing": "ship boat ferry ledger chart survey method algorithm network model engine dataset",
    }.items()
    for word in words.split()
}
_SIBLINGS = 3
"""So many names with the same last word make that word tell nothing of which is meant: `the island that …`."""


@dataclass(frozen=True, slots=True)
class Clue:
    """A description that fits one name only, and where it stands."""

    name: str
    place: Place
    description: str
    words: frozenset[str]
    quality: float


@dataclass(frozen=True, slots=True)
class Fact:
    """Something said of a name, with the part that answers a question."""

    name: str
    place: Place
    before: str
    """What stands before the name in the sentence."""
    after: str
    """What stands after it, the answer replaced by words that ask for it."""
    answer: str
    aliases: tuple[str, ...]
    answer_type: str
    noun: str
    """What is counted or measured: `crowns`, `year`; empty for names and bare values."""
    words: frozenset[str]
    """Content words of the fact without name and answer."""
    relation: str
    """What is asked of the name: two answers to one relation make neither a fact."""
    quality: float

    def ask(self, subject: str) -> str:
        """The fact as a question about `subject`, without capital and question mark."""
        if GAP in self.after:
            return self.after.replace("{subject}", subject)
        before = re.sub(r"\b(?:[Tt]he|[Aa]n?)\s+$", "", self.before)
        return " ".join(f"{before}{subject}{self.after}".split())


def _is_prose(text: str) -> bool:
    """Whether a unit is a sentence of words, and no argument list, reference or formula that reads as one."""
    if _CODE_SIGNS.search(text):
        return False
    words = text.split()
    plain = sum(_PLAIN_WORD.fullmatch(word) is not None for word in words)
    small = sum(word in _GLUE for word in words)
    return plain >= 0.75 * len(words) and small >= 0.12 * len(words)


def naming_words(name: str) -> frozenset[str]:
    """The words of a name that would give it away, as they are written."""
    return frozenset(word for word in re.findall(r"\w+", name) if word.lower() not in STOPWORDS)


def find_clues(index: ContextIndex, name: str) -> list[Clue]:
    """Descriptions of `name`, the best first."""
    kind = _kind_of(index, name)
    clues: list[Clue] = []
    for place in index.places(name):
        unit = index.at(place)
        if unit.is_code or not 6 <= len(unit.text.split()) <= 45 or not _is_prose(unit.text):
            continue
        mention = next(mention for mention in unit.entities if mention.name == name)
        for description, words_of, reads in _describe(unit, mention, kind):
            words = content_words(words_of) - content_words(name)
            # Numbers are for facts: "the person who paid 340 crowns" is what another question asks for.
            quality = reads - 5.0 * (re.search(r"\d", description) is not None)
            if len(words) >= 3 and not naming_words(name) & set(re.findall(r"\w+", description)):
                clues.append(Clue(name, place, description, words, quality))
    return sorted(clues, key=lambda clue: (-clue.quality, clue.place.page, clue.place.unit, clue.description))


def _describe(unit: Unit, mention: Mention, kind: str) -> Iterator[tuple[str, str, float]]:
    """Description, the words that it rests on, and how well it reads."""
    before, after = _around(unit.text, mention)
    given = re.match(r"^(?:The|An?)\s([a-z]{3,})\s$", before)
    kind = given[1] if given else kind
    if _opens(before):
        appositive = re.match(r"^,\s((?:the|an?)\s[^,;.]{8,90}),", after)
        if appositive:
            phrase = _definite(appositive[1])
            yield phrase, phrase, 3.0 - _penalty(phrase)
        predicate = _clause(after.lstrip())
        if (
            predicate
            and 3 <= len(predicate.split()) <= 24
            and _begins_like_a_verb(predicate)
            and not _DANGLING.search(predicate)
        ):
            noun = re.match(r"^(?:was|is|were|are|became|remains|remained)\s((?:the|an?)\s.+)$", predicate)
            if noun and not is_identifier(mention.name):
                phrase = _definite(noun[1])
                yield phrase, phrase, 3.0 - _penalty(phrase)
            else:
                pronoun = "who" if kind == "person" else "that"
                yield f"the {kind} {pronoun} {predicate}", predicate, 3.0 - _penalty(predicate)
    gapped = f"{before}{GAP}{after}".strip()
    if gapped.count('"') == 0 and 7 <= len(gapped.split()) <= 32:
        gapped = gapped.rstrip(".")
        yield f'the {kind} missing from the words "{gapped}"', gapped.replace(GAP, ""), 1.0 - _penalty(gapped)


def find_facts(index: ContextIndex, name: str) -> list[Fact]:
    """Facts about `name`, the best first."""
    facts: list[Fact] = []
    for place in index.places(name):
        unit = index.at(place)
        mention = next(mention for mention in unit.entities if mention.name == name)
        if unit.is_code:
            facts.extend(_assigned(index, place, unit, mention))
        elif 5 <= len(unit.text.split()) <= 40 and unit.text.count(name) == 1 and _is_prose(unit.text):
            facts.extend(_stated(index, place, unit, mention))
    answers: dict[str, set[str]] = {}
    for fact in facts:
        answers.setdefault(fact.relation, set()).add(fact.answer)
    facts = [fact for fact in facts if len(answers[fact.relation]) == 1]
    return sorted(facts, key=lambda fact: (-fact.quality, fact.place.page, fact.place.unit, fact.answer))


def _assigned(index: ContextIndex, place: Place, unit: Unit, mention: Mention) -> Iterator[Fact]:
    """Facts that a line of code states: a value given to a name, or a class that extends it."""
    line, name = unit.text, mention.name
    before, after = line[: mention.start].strip(" \"'`{"), line[mention.end :].lstrip("\"'`")

    def fact(asked: str, answer: str, answer_type: str, words: frozenset[str], quality: float) -> Fact:
        return Fact(
            name=name,
            place=place,
            before=asked,
            after="",
            answer=answer,
            aliases=(),
            answer_type=answer_type,
            noun="",
            words=words,
            relation=asked,
            quality=quality,
        )

    value = _VALUE.match(after)
    if value and before in ("", "const", "let", "var", "export const"):
        container = index.containers.get(place)
        if container and naming_words(container) & naming_words(name):
            return
        title = index.documents[place.page].title
        code = f"in {title}" if len(title) <= 40 and re.fullmatch(r"[\w ./+-]+", title) else "in the code"
        words = content_words(container) if container else frozenset[str]()
        asked = f"{code}, which value does `{container}` give for " if container else f"{code}, what is the value of "
        quoted = value["value"][0] in "\"'"
        answer = value["value"].strip("\"'") if quoted else value["value"].replace("_", "")
        # What a program does with a constant tells what it is, so that the description is rarely needed.
        clear = 0.2 if is_identifier(name) else 2.6 if container else 0.5
        yield fact(asked, answer, "text" if quoted else "number", words, clear)
    elif extends := re.match(r"class\s+(\w+)\s*\(\s*(?:[\w.]+\.)?$", line[: mention.start]):
        yield fact("which class extends ", extends[1], "identifier", content_words("class extends"), 2.0)


def _stated(index: ContextIndex, place: Place, unit: Unit, mention: Mention) -> Iterator[Fact]:
    before, after = _around(unit.text, mention)
    opens = _opens(before)
    if opens and not _begins_like_a_verb(after.strip()):
        return
    base = 3.0 if opens else 1.0
    for start, end, ask, answer, answer_type, noun in _answers(index, unit, mention, after):
        clause = _clause(after, least=end)
        if len(clause) < end or _DANGLING.search(clause.rstrip()) or answer in before or answer in after[:start]:
            continue
        rest = f"{after[:start]}{after[end : len(clause)]}"
        words = content_words(f"{'' if opens else before} {rest}") - content_words(mention.name)
        if len(words) < 2 - (not opens):
            continue
        asked = f"{after[:start]}{ask}{after[end : len(clause)]}".rstrip(" ,;:.")
        if not opens:
            gapped = f"{before}{GAP}{asked}".strip()
            if '"' in gapped:
                continue
            asked = f'in the words "{gapped}" the gap stands for {{subject}}: {ask} is it'
        quality = base - _penalty(asked) - (answer_type == "value") * 0.5
        yield Fact(
            name=mention.name,
            place=place,
            before="",
            after=asked if asked.startswith((",", "'", "’")) or not opens else f" {asked.strip()}",
            answer=answer,
            aliases=(f"{answer} {noun}",) if noun and answer_type == "number" else (),
            answer_type="number" if answer_type == "value" else answer_type,
            noun=noun,
            words=words,
            relation=asked,
            quality=quality,
        )


def _answers(
    index: ContextIndex, unit: Unit, mention: Mention, after: str
) -> Iterator[tuple[int, int, str, str, str, str]]:
    """Stretches of `after` that can be asked for: start, end, words that ask, answer, type, noun."""
    taken: list[tuple[int, int]] = []
    for match in _PERCENT.finditer(after):
        taken.append(match.span())
        yield match.start(), match.end(), "what percentage", f"{match['number']}%", "percentage", "%"
    for match in _YEAR.finditer(after):
        taken.append(match.span("number"))
        yield match.start("number"), match.end("number"), "which year", match["number"], "year", "year"
    for match in _COUNTED.finditer(after):
        noun = match["noun"]
        # RFC 2965 and Chapter 3 count nothing.
        named = re.search(r"\b[A-Z]\w*\s$", after[: match.start("number")]) is not None
        if (
            named
            or noun.lower() in STOPWORDS
            or noun[0].isupper()
            or any(a <= match.start("number") < b for a, b in taken)
        ):
            continue
        taken.append(match.span("number"))
        yield match.start("number"), match.end("number"), "how many", match["number"], "number", noun
    for match in _BARE.finditer(after):
        if not any(a <= match.start() < b for a, b in taken):
            yield match.start(), match.end(), "what number", match["number"], "value", ""
    offset = mention.end
    for other in unit.entities:
        if other.start < offset or other.name == mention.name or other.name not in index.pages:
            continue
        start, end = other.start - offset, other.end - offset
        placed = _PLACED.search(after[:start])
        if not placed or is_identifier(other.name):
            continue
        start -= 4 if after[:start].endswith(" the ") and after[: start - 4].endswith(" ") else 0
        kind = _kind_of(index, other.name)
        if kind == "person":
            ask = "whom"
        else:
            ask = "which place" if placed["before"] in _PLACE_WORDS or kind == "place" else "what"
        yield start, end, ask, other.name, "name", ""


def _around(text: str, mention: Mention) -> tuple[str, str]:
    """What stands before and after a mention, its own backticks and emphasis removed."""
    before, after = text[: mention.start], text[mention.end :]
    if before[-1:] in tuple("`*_") and after[:1] == before[-1:]:
        mark = before[-1]
        before, after = before.rstrip(mark), after.lstrip(mark)
    return before, after


def _opens(before: str) -> bool:
    """Whether a name after `before` opens its sentence."""
    return re.fullmatch(r"(?:The|A|An)?\s*(?:[a-z]+\s)?", before) is not None and not re.match(r"[a-z]", before)


def _clause(text: str, least: int = 0) -> str:
    """The text up to the first clause end at or after `least`."""
    match = _CLAUSE_END.search(text, least)
    clause = text[: match.start()] if match else text
    return clause if least else clause.strip()


def _begins_like_a_verb(predicate: str) -> bool:
    match = re.match(
        r"(?:(?:also|always|never|once|still|often|later|first|then|had|has|was|is)\s)*([a-z]+)\b(?:\s([a-z]+))?",
        predicate,
    )
    if not match:
        return False
    first, second = match[1], match[2] or ""
    if first in _VERBS or predicate.split(maxsplit=1)[0] in _VERBS:
        return True
    # `peaks are used`: what looks like a verb in `s` is a plural where another verb follows.
    return first not in STOPWORDS and first.endswith(("ed", "s")) and second not in _VERBS


def _definite(phrase: str) -> str:
    return re.sub(r"^an?\s", "the ", phrase)


def _penalty(text: str) -> float:
    """Words that point outside the sentence, and length, make a description hard to read on its own."""
    pointing = 1.2 * min(2, len(_POINTING.findall(text)))
    return pointing + max(0, len(text.split()) - 18) * 0.05


def _kind_of(index: ContextIndex, name: str) -> str:
    """What a name seems to name, as the noun that a description of it begins with."""
    if is_identifier(name) and "_" in name:
        return "parameter"
    last = name.rsplit(maxsplit=1)[-1].lower()
    # The last word of a name describes it, and gives it away where no other name ends so.
    if " " in name and index.endings[last] >= _SIBLINGS:
        return last
    if last in _KINDS:
        return _KINDS[last]
    if name.startswith(("Mr", "Mrs", "Miss", "Dr", "Sir", "Lady", "Lord", "Capt")):
        return "person"
    the = place = person = 0
    for where in index.places(name)[:40]:
        unit = index.at(where)
        mention = next(mention for mention in unit.entities if mention.name == name)
        before, after = unit.text[: mention.start].lower(), unit.text[mention.end :]
        following = index.units[where.page][where.unit + 1 : where.unit + 2]
        the += before.endswith("the ")
        place += before.endswith((" in ", " at ", " near ", " off "))
        person += before.endswith((" by ", " and ")) or _PERSONAL.search(after) is not None
        person += any(re.match(r"(?:She|He|Her|His)\b", unit.text) is not None for unit in following)
        person -= 2 * (re.match(r"[^.]{0,60}\bits?\b", after) is not None)
    if place > max(the, person, 0):
        return "place"
    # Ships, crops and instruments take an article, persons do not.
    return "person" if " " in name and not the and person >= 0 else "one"


_PERSONAL = re.compile(
    r"^['’]s |^\s(?:said|wrote|drew|was born|asked|told|thought)\b|\b(?:he|she|his|her|himself|herself)\b"
)
