"""Planted questions over a small made corpus: bad ones of eight classes, good ones of every kind, and who reads them.

    >>> [planted] = [one for one in plant(seed=1) if one.cls == "joined"][:1]
    >>> planted.question.question, planted.meant
    ('Who tuned the bells of Holm and how many crowns did Tobias Reeve pay into the brass chest?', ('one_question',))

Every question has a context of its own, of five to seven short documents. `PerfectReader` answers right exactly when
what it is shown holds all sentences that the question needs, and knows by heart what is known by heart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random

from longhop.engines import Request
from longhop.quotes import locate
from longhop.records import Context, ContextDocument, Evidence, Question, Step, make_id
from tests.planted_words import FIRST, Clue, Fact, Words

__all__ = ["CLASSES", "GOOD", "PerfectReader", "Planted", "plant"]

GOOD = "good"
CLASSES: dict[str, tuple[str, ...]] = {
    "joined": ("one_question",),
    "decorated": ("needed", "single_document"),
    "bridge_named": ("bridge_hidden",),
    "answer_named": ("answer_hidden",),
    "titles": ("no_pointing",),
    "two_answers": ("unique",),
    "ungrounded": ("evidence", "supported", "steps"),
    "by_heart": ("closed_book",),
}
"""Classes of bad questions, and the checks that are meant for each."""

_COUNTRIES = (
    "France:Loire:Paris Germany:Elbe:Berlin Italy:Tiber:Rome Spain:Ebro:Madrid Portugal:Douro:Lisbon "
    "Poland:Vistula:Warsaw Egypt:Nile:Cairo Ireland:Shannon:Dublin Japan:Shinano:Tokyo Russia:Volga:Moscow "
    "Austria:Enns:Vienna Greece:Aliakmon:Athens Norway:Glomma:Oslo Sweden:Torne:Stockholm Finland:Kemi:Helsinki "
    "Hungary:Tisza:Budapest Romania:Olt:Bucharest Iraq:Tigris:Baghdad Vietnam:Perfume:Hanoi Thailand:Ping:Bangkok "
    "China:Yangtze:Beijing Kenya:Tana:Nairobi Peru:Ucayali:Lima Cuba:Cauto:Havana Canada:Fraser:Ottawa "
    "Scotland:Tay:Edinburgh Wales:Teifi:Cardiff Iceland:Thjorsa:Reykjavik Turkey:Kizil:Ankara "
    "Ukraine:Dnieper:Kyiv Belgium:Scheldt:Brussels Netherlands:Waal:Amsterdam Chile:Loa:Santiago "
    "Ghana:Volta:Accra Mali:Bani:Bamako Nepal:Koshi:Kathmandu Iran:Karun:Tehran Syria:Orontes:Damascus "
    "Serbia:Morava:Belgrade Bulgaria:Iskar:Sofia Latvia:Daugava:Riga Lithuania:Neris:Vilnius "
    "Denmark:Gudena:Copenhagen Croatia:Sava:Zagreb"
).split()


@dataclass(frozen=True)
class Planted:
    """A question with what is known of it."""

    cls: str
    """`good`, or the class of bad questions."""
    meant: tuple[str, ...]
    context: Context
    question: Question
    needs: tuple[str, ...]
    """Sentences without which it cannot be answered."""
    by_heart: bool = False
    rival: tuple[tuple[str, ...], str] | None = None
    """Sentences out of which another answer follows, and that answer."""


@dataclass
class Scene:
    """A context while it is made: documents as lists of sentences, and names that are used up."""

    rng: Random
    words: Words
    documents: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = [f"{a} {b}" for a in self.words.first_names.split() for b in self.words.last_names.split()]
        self._places = self.words.places.split()
        self._titles = list(self.words.titles)
        for pool in (self._names, self._places, self._titles):
            self.rng.shuffle(pool)

    def name(self) -> str:
        """A person whose last name no other of the scene has."""
        name = self._names.pop()
        self._names = [other for other in self._names if not set(other.split()) & set(name.split())]
        return name

    def place(self) -> str:
        return self._places.pop()

    def document(self, *sentences: str, kind: str = "book", title: str = "") -> int:
        """Add a document with filler around its sentences; its number."""
        if kind == "code":
            body = list(sentences)
        else:
            filler = self.rng.sample(self.words.filler, 2)
            body = [filler[0], *sentences, filler[1]]
        name = title or self._titles.pop().format(p=self.rng.choice(self.words.places.split()))
        if any(name == other for other, _, _ in self.documents):
            name += " II"
        self.documents.append((name, kind, body))
        return len(self.documents) - 1

    def context(self) -> Context:
        text, documents = "", []
        for number, (title, kind, sentences) in enumerate(self.documents):
            start = len(text)
            text += ("\n" if kind == "code" else " ").join(sentences)
            documents.append(
                ContextDocument(
                    document_id=f"d{number}",
                    kind=kind,
                    title=title,
                    source=f"{number}",
                    license=None,
                    start=start,
                    end=len(text),
                    n_tokens=len(sentences) * 9,
                )
            )
            text += "\n\n"
        return Context(
            context_id=make_id(text),
            split="train",
            target_tokens=4096,
            n_tokens=len(text.split()),
            text=text,
            documents=documents,
        )

    def person(self) -> tuple[str, Clue, str, str]:
        """A new person with a clue: name, clue, its sentence, the description."""
        name, place = self.name(), self.place()
        clue = self.rng.choice([c for c in self.words.clues if c not in self.used])
        self.used.append(clue)
        said = Clue(clue.sentence.format(n=name, p=place), clue.who.format(p=place), clue.asked.format(p=place))
        return name, said, said.sentence, said.who

    used: list[Clue] = field(default_factory=list)

    def number(self) -> str:
        return self.rng.choice(["{}", "{:,}"]).format(self.rng.randrange(14, 4000))


@dataclass(frozen=True)
class Hop:
    """A step as it is planted: sub-question, answer, (document, quote) pairs, steps it uses."""

    question: str
    answer: str
    quotes: tuple[tuple[int, str], ...] = ()
    uses: tuple[int, ...] = ()


def _planted(
    scene: Scene,
    cls: str,
    kind: str,
    question: str,
    answer: str,
    hops: Sequence[Hop],
    answer_type: str = "text",
    needs: Sequence[str] | None = None,
    **known: object,
) -> Planted:
    while len(scene.documents) < 5:
        stranger, fact = scene.name(), scene.rng.choice(scene.words.names)
        scene.document(fact.sentence.format(n=stranger, v=scene.rng.choice(scene.words.places.split())))
    context = scene.context()
    evidence: list[Evidence] = []
    steps = []
    for hop in hops:
        indices = []
        for number, quote in hop.quotes:
            found = locate(context, context.documents[number], quote)
            if found not in evidence:
                evidence.append(found)
            indices.append(evidence.index(found))
        steps.append(Step(question=hop.question, answer=hop.answer, evidence=indices, uses=list(hop.uses)))
    asked = question[:1].upper() + question[1:]
    record = Question(
        question_id=make_id(context.context_id, asked, answer),
        context_id=context.context_id,
        kind=kind,
        question=asked,
        reference_answer=answer,
        aliases=[],
        answer_type=answer_type,
        n_steps=len(steps),
        steps=steps,
        evidence=evidence,
        checks=[],
        accepted=False,
        rejected_by=None,
        model="planted",
    )
    quotes = tuple(quote for hop in hops for _, quote in hop.quotes)
    meant = CLASSES.get(cls, ())
    return Planted(cls, meant, context, record, quotes if needs is None else tuple(needs), **known)  # type: ignore[arg-type]


def _number_of(value: str) -> int:
    return int(value.replace(",", ""))


_Found = tuple[str, Clue, str, str, str, int, int]
"""A person of a pair: name, clue, description, value, sentence, and the documents of clue and sentence."""


# Good questions


def _bridge(scene: Scene, cls: str = GOOD, *, change: Callable[[str, str, str], str] | None = None) -> Planted:
    name, clue, sentence, who = scene.person()
    fact, value, said, kind = _fact(scene, name)
    one, two = scene.document(sentence), scene.document(said)
    question = scene.rng.choice(fact.asks).format(w=who)
    if change:
        question = change(question, name, value)
    hops = (
        Hop(clue.asked, name, ((one, sentence),)),
        Hop(fact.asked.format(n=name), value, ((two, said),), (0,)),
    )
    return _planted(scene, cls, "bridge", question, value, hops, kind)


def _fact(scene: Scene, name: str) -> tuple[Fact, str, str, str]:
    if scene.rng.random() < 0.6:
        fact, value = scene.rng.choice(scene.words.numbers), scene.number()
        return fact, value, fact.sentence.format(n=name, v=value), "number"
    fact, value = scene.rng.choice(scene.words.names), scene.place()
    return fact, value, fact.sentence.format(n=name, v=value), "name"


def _pair(scene: Scene) -> tuple[Fact, list[_Found]]:
    """Two persons with clues and numbers, each in two documents: name, clue, who, value, sentence, places."""
    fact = scene.rng.choice(scene.words.numbers)
    found: list[_Found] = []
    while len(found) < 2:
        name, clue, sentence, who = scene.person()
        value = scene.number()
        if found and _number_of(value) == _number_of(found[0][3]):
            value = str(_number_of(value) + 7)
        said = fact.sentence.format(n=name, v=value)
        found.append((name, clue, who, value, said, scene.document(sentence), scene.document(said)))
    return fact, found


def _comparison(scene: Scene) -> Planted:
    fact, (a, b) = _pair(scene)
    hops = (
        Hop(fact.asked.format(n=a[0]), a[3], ((a[6], a[4]),)),
        Hop(fact.asked.format(n=b[0]), b[3], ((b[6], b[4]),)),
        Hop("Which number is larger?", max(a, b, key=lambda one: _number_of(one[3]))[0], (), (0, 1)),
    )
    return _planted(scene, GOOD, "comparison", fact.more.format(a=a[0], b=b[0]), hops[2].answer, hops, "name")


def _two_chains(a: _Found, b: _Found, fact: Fact) -> list[Hop]:
    return [
        Hop(a[1].asked, a[0], ((a[5], a[1].sentence),)),
        Hop(fact.asked.format(n=a[0]), a[3], ((a[6], a[4]),), (0,)),
        Hop(b[1].asked, b[0], ((b[5], b[1].sentence),)),
        Hop(fact.asked.format(n=b[0]), b[3], ((b[6], b[4]),), (2,)),
    ]


def _calculation(scene: Scene) -> Planted:
    fact, (a, b) = _pair(scene)
    total = str(_number_of(a[3]) + _number_of(b[3]))
    hops = [*_two_chains(a, b, fact), Hop("What is the sum of the two?", total, (), (1, 3))]
    return _planted(scene, GOOD, "calculation", fact.together.format(w=a[2], x=b[2]), total, hops, "number")


def _yes_no(scene: Scene) -> Planted:
    fact, (a, b) = _pair(scene)
    answer = "yes" if _number_of(a[3]) > _number_of(b[3]) else "no"
    hops = [*_two_chains(a, b, fact), Hop("Is the first number larger?", answer, (), (1, 3))]
    return _planted(scene, GOOD, "yes_no", fact.whether.format(w=a[2], x=b[2]), answer, hops, "yes_no")


def _lists(scene: Scene, kind: str) -> Planted:
    crew = [scene.name() for _ in range(4)]
    others = [scene.name() for _ in range(2)]
    both = crew[:1] if kind == "intersection" else crew[: scene.rng.choice([2, 3])]
    place, guild = scene.place(), scene.rng.choice(["glaziers", "rope makers", "saddlers", "printers"])
    joined = [*both, *others]
    scene.rng.shuffle(joined)
    first = f"On board of the {place} mail boat were {', '.join(crew[:-1])} and {crew[-1]}."
    second = f"In the same year the guild of {guild} admitted {', '.join(joined[:-1])} and {joined[-1]}."
    one, two = scene.document(first), scene.document(second)
    answer = crew[0] if kind == "intersection" else str(len(both))
    question = scene.rng.choice(
        [
            f"Who of those on board of the {place} mail boat was admitted to the guild of {guild}?",
            f"Which traveller on the {place} mail boat became a member of the guild of {guild}?",
        ]
        if kind == "intersection"
        else [
            f"How many of those on board of the {place} mail boat were admitted to the guild of {guild}?",
            f"What number of people from the {place} mail boat did the guild of {guild} admit?",
        ]
    )
    hops = (
        Hop(f"Who was on board of the {place} mail boat?", ", ".join(crew), ((one, first),)),
        Hop(f"Whom did the guild of {guild} admit?", ", ".join(joined), ((two, second),)),
        Hop(
            "Who stands in both lists?" if kind == "intersection" else "How many stand in both lists?",
            answer,
            (),
            (0, 1),
        ),
    )
    return _planted(scene, GOOD, kind, question, answer, hops, "name" if kind == "intersection" else "number")


def _order(scene: Scene) -> Planted:
    things = scene.rng.sample(["chapel", "mill", "lighthouse", "school", "windlass", "granary", "bath house"], 2)
    places = [scene.place(), scene.place()]
    years = scene.rng.sample(range(1701, 1890), 2)
    named = [f"the {thing} of {place}" for thing, place in zip(things, places, strict=True)]
    said = [f"{named[0].capitalize().replace(places[0].lower(), places[0])} was finished in {years[0]}.",
            f"It took until {years[1]} before {named[1]} stood."]  # fmt: skip
    numbers = [scene.document(sentence) for sentence in said]
    answer = named[0] if years[0] < years[1] else named[1]
    question = scene.rng.choice(["Which was built first, {} or {}?", "Of {} and {}, which is the older one?"]).format(
        *named
    )
    hops = (
        Hop(f"When was {named[0]} finished?", str(years[0]), ((numbers[0], said[0]),)),
        Hop(f"In what year did {named[1]} stand?", str(years[1]), ((numbers[1], said[1]),)),
        Hop("Which year is earlier?", answer, (), (0, 1)),
    )
    return _planted(scene, GOOD, "order", question, answer, hops, "text")


def _paper_to_code(scene: Scene) -> Planted:
    word, meaning = scene.rng.choice(
        [
            ("lunar_share", "weight of the moon in the tide model"),
            ("drift_floor", "least drift that a buoy is given"),
            ("melt_rate", "speed at which the ice edge retreats"),
            ("wick_decay", "loss of light of a lamp in an hour"),
            ("heel_limit", "angle at which the simulated cutter capsizes"),
            ("salt_gain", "rise of the freezing point with salt"),
            ("flock_span", "width of a flock at dusk"),
            ("bell_offset", "delay of the lower bell"),
            ("moss_depth", "depth down to which moss is warmed"),
            ("rope_creep", "yearly stretch of a hemp rope"),
        ]
    )
    value = f"{scene.rng.randrange(1, 99) / 100 + scene.rng.randrange(4)}"
    paper = f"We call the {meaning} `{word}` throughout, and fit it to the harvest of two summers."
    code = scene.rng.choice(
        [f"{word.upper()} = {value}", f"    {word}: float = {value}", f'settings["{word}"] = {value}']
    )
    one = scene.document(paper, kind="paper")
    two = scene.document("import math", "", code, "STEPS = 24", kind="code", title=f"{word[:4]}/constants.py")
    question = scene.rng.choice(
        [f"What value does the program give to the {meaning}?", f"In the code, what is the {meaning} set to?"]
    )
    hops = (
        Hop(f"What does the paper call the {meaning}?", word, ((one, paper),)),
        Hop(f"Which value has {word} in the code?", value, ((two, code.strip()),), (0,)),
    )
    return _planted(scene, GOOD, "paper_to_code", question, value, hops, "number", [paper, code.strip()])


def _contradiction(scene: Scene) -> Planted:
    place = scene.place()
    first, second = scene.rng.sample(range(40, 400), 2)
    said = [f"The keeper counted {first} steps in the tower of {place}.",
            f"According to the surveyor the tower of {place} has {second} steps."]  # fmt: skip
    numbers = [scene.document(sentence) for sentence in said]
    answer = str(abs(first - second))
    question = scene.rng.choice(
        [
            f"By how many steps do the keeper and the surveyor differ over the tower of {place}?",
            f"How far apart are the keeper's and the surveyor's count of the steps in the tower of {place}?",
        ]
    )
    hops = (
        Hop("How many steps did the keeper count?", str(first), ((numbers[0], said[0]),)),
        Hop("How many steps did the surveyor find?", str(second), ((numbers[1], said[1]),)),
        Hop("What is the difference?", answer, (), (0, 1)),
    )
    return _planted(scene, GOOD, "contradiction", question, answer, hops, "number")


def _choice(scene: Scene) -> Planted:
    name, clue, sentence, who = scene.person()
    options = scene.rng.sample(["a sextant", "a lute", "a ledger", "a lamp", "a loom", "a violin", "a sledge"], 3)
    answer = options[1]
    said = scene.rng.choice([f"{name} left {answer} to the parish.", f"All that {name} owned in the end was {answer}."])
    one, two = scene.document(sentence), scene.document(said)
    question = scene.rng.choice(
        [
            f"Which of these belonged to {who}: {options[0]}, {options[1]} or {options[2]}?",
            f"Was it {options[0]}, {options[1]} or {options[2]} that {who} owned?",
        ]
    )
    hops = (Hop(clue.asked, name, ((one, sentence),)), Hop(f"What did {name} own?", answer, ((two, said),), (0,)))
    return _planted(scene, GOOD, "choice", question, answer, hops, "text")


_KINDS: dict[str, Callable[[Scene], Planted]] = {
    "bridge": _bridge,
    "comparison": _comparison,
    "intersection": lambda scene: _lists(scene, "intersection"),
    "counting": lambda scene: _lists(scene, "counting"),
    "order": _order,
    "calculation": _calculation,
    "paper_to_code": _paper_to_code,
    "contradiction": _contradiction,
    "choice": _choice,
    "yes_no": _yes_no,
}


# Bad questions


def _joined(scene: Scene) -> Planted:
    name, clue, sentence, who = scene.person()
    other, number = scene.name(), scene.number()
    fact = scene.rng.choice(scene.words.numbers)
    said = fact.sentence.format(n=other, v=number)
    one, two = scene.document(sentence), scene.document(said)
    second = fact.asked.format(n=other)
    question = scene.rng.choice(scene.words.joined).format(
        q=clue.asked.rstrip("?"),
        Q=clue.asked,
        r=second[0].lower() + second[1:],
        who=who,
        o=other,
        r2=second.rstrip("?"),
        noun=fact.noun,
    )
    question = re.sub(r" and (W[a-z]+)(?= )", lambda match: match[0].lower(), question)
    question = question if question.endswith((".", "?")) else question + "?"
    answer = scene.rng.choice([f"{name} and {number}", f"{name}, {number}", f"{name}; {number}", f"{name} ({number})"])
    hops = [Hop(clue.asked, name, ((one, sentence),)), Hop(second, number, ((two, said),))]
    if scene.rng.random() < 0.5:
        hops[1] = Hop(second, number, ((two, said),), (0,))
    else:
        hops.append(Hop("What are both answers?", answer, (), (0, 1)))
    if len(hops) == 2:
        hops[1] = Hop(second, answer if scene.rng.random() < 0.5 else number, ((two, said),), (0,))
    return _planted(scene, "joined", "bridge", question, answer, hops)


def _decorated(scene: Scene) -> Planted:
    """One document says all; the quote of the other is there to look like a second hop."""
    name, clue, sentence, who = scene.person()
    fact, value, said, kind = _fact(scene, name)
    extra_fact = scene.rng.choice([f for f in scene.words.names if f is not fact])
    extra_value = scene.place()
    extra = extra_fact.sentence.format(n=name, v=extra_value)
    one = scene.document(sentence, said)
    two = scene.document(extra if scene.rng.random() < 0.6 else scene.rng.choice(scene.words.filler))
    decoration = scene.documents[two][2][1]
    question = scene.rng.choice(fact.asks).format(w=who)
    hops: tuple[Hop, ...]
    way = scene.rng.randrange(3)
    if way == 0 and decoration == extra:
        hops = (
            Hop(clue.asked, name, ((one, sentence),)),
            Hop(extra_fact.asked.format(n=name), extra_value, ((two, extra),), (0,)),
            Hop(fact.asked.format(n=name), value, ((one, said),), (0, 1)),
        )
    elif way == 1:
        hops = (
            Hop(clue.asked, name, ((one, sentence), (two, decoration))),
            Hop(fact.asked.format(n=name), value, ((one, said),), (0,)),
        )
    else:
        hops = (
            Hop(clue.asked, name, ((one, sentence),)),
            Hop(fact.asked.format(n=name), value, ((one, said), (two, decoration)), (0,)),
        )
    return _planted(scene, "decorated", "bridge", question, value, hops, kind, [sentence, said])


def _bridge_named(scene: Scene) -> Planted:
    ways: list[Callable[[str], str]] = [
        lambda name: name,
        lambda name: name.lower(),
        lambda name: name.split()[-1],
        lambda name: "Captain " + name.split()[-1],
        lambda name: f"{name}, as we may call the person,",
        lambda name: name.upper(),
        lambda name: name.split()[0],
    ]
    name, clue, sentence, who = scene.person()
    fact, value, said, kind = _fact(scene, name)
    one, two = scene.document(sentence), scene.document(said)
    called = scene.rng.choice(ways)(name)
    named = scene.rng.choice([called, f"{called}, {who}," if "," not in called else called, f"{who} ({called})"])
    question = scene.rng.choice(fact.asks).format(w=named)
    hops = (Hop(clue.asked, name, ((one, sentence),)), Hop(fact.asked.format(n=name), value, ((two, said),), (0,)))
    return _planted(scene, "bridge_named", "bridge", question, value, hops, kind)


def _answer_named(scene: Scene) -> Planted:
    ways: list[Callable[[str, str, str], str]] = [
        lambda question, _, value: f"{question.rstrip('?')}, if it was {value}?",
        lambda question, _, value: f"Given that {value} is noted there, {question[0].lower()}{question[1:]}",
        lambda question, _, value: f"{question.rstrip('?')} - {_other_notation(value)}, or what?",
        lambda question, _, value: f"{question.rstrip('?')} to reach the {_other_notation(value)} of the book?",
    ]
    return _bridge(scene, "answer_named", change=scene.rng.choice(ways))


def _other_notation(value: str) -> str:
    if not value.replace(",", "").isdigit():
        return value
    return f"{_number_of(value):,}" if "," not in value else value.replace(",", "")


def _titles(scene: Scene) -> Planted:
    name, clue, sentence, _ = scene.person()
    fact = scene.rng.choice(scene.words.names)
    said = fact.sentence.format(n=name, v=scene.place())
    one, two = scene.document(sentence), scene.document(said)
    titles = [scene.documents[number][0] for number in (one, two)]
    scene.rng.shuffle(titles)
    answer = scene.rng.choice([" and ", ", ", "; "]).join(titles)
    question = scene.rng.choice(scene.words.listing).format(n=scene.rng.choice([name, clue.who]))
    hops = (
        Hop(f"Where is {name} described?", name, ((one, sentence),)),
        Hop(f"What else is said of {name}?", name, ((two, said),)),
        Hop("Which are they?", answer, (), (0, 1)),
    )
    return _planted(scene, "titles", "intersection", question, answer, hops)


def _two_answers(scene: Scene) -> Planted:
    """A third document says something else of the same person, or the clue of another one."""
    name, clue, sentence, who = scene.person()
    fact = scene.rng.choice(scene.words.numbers)
    value, other = scene.number(), scene.number()
    while _number_of(other) == _number_of(value):
        other = scene.number()
    said = fact.sentence.format(n=name, v=value)
    rival = fact.sentence.format(n=name, v=other)
    one, two = scene.document(sentence), scene.document(said)
    scene.document(rival)
    hops = (Hop(clue.asked, name, ((one, sentence),)), Hop(fact.asked.format(n=name), value, ((two, said),), (0,)))
    question = scene.rng.choice(fact.asks).format(w=who)
    return _planted(scene, "two_answers", "bridge", question, value, hops, "number", rival=((rival,), other))


def _ungrounded(scene: Scene) -> Planted:
    name, clue, sentence, who = scene.person()
    fact = scene.rng.choice(scene.words.numbers)
    value = scene.number()
    wrong = str(_number_of(value) + scene.rng.randrange(1, 900))
    said = fact.sentence.format(n=name, v=value)
    one, two = scene.document(sentence), scene.document(said)
    quote, stated, last = scene.rng.choice(
        [
            (fact.sentence.format(n=scene.name(), v=wrong) + " So the book says, and more than that.", wrong, wrong),
            (said, wrong, wrong),
            (fact.sentence.format(n=name, v=wrong), wrong, wrong),
            (said, wrong, value),
            (scene.documents[two][2][0], value, value),
        ]
    )
    hops = (Hop(clue.asked, name, ((one, sentence),)), Hop(fact.asked.format(n=name), last, ((two, quote),), (0,)))
    question = scene.rng.choice(fact.asks).format(w=who)
    return _planted(scene, "ungrounded", "bridge", question, stated, hops, "number", [sentence, "\0"])


def _by_heart(scene: Scene, number: int) -> Planted:
    country, river, capital = _COUNTRIES[number % len(_COUNTRIES)].split(":")
    runs = [f"The {river} runs through {country}.", f"{country} is crossed by the {river}, which never hurries."]
    seats = [f"Seat of the government of {country} is {capital}.", f"All trains of {country} start from {capital}."]
    first, second = scene.rng.choice(runs), scene.rng.choice(seats)
    one, two = scene.document(first), scene.document(second)
    question = scene.rng.choice(
        [
            f"What is the capital of the country through which the {river} runs?",
            f"Which city is the seat of government of the land that the {river} crosses?",
        ]
    )
    hops = (
        Hop(f"Through which country does the {river} run?", country, ((one, first),)),
        Hop(f"What is the capital of {country}?", capital, ((two, second),), (0,)),
    )
    return _planted(scene, "by_heart", "bridge", question, capital, hops, "name", by_heart=True)


_BAD: dict[str, Callable[[Scene, int], Planted]] = {
    "joined": lambda scene, _: _joined(scene),
    "decorated": lambda scene, _: _decorated(scene),
    "bridge_named": lambda scene, _: _bridge_named(scene),
    "answer_named": lambda scene, _: _answer_named(scene),
    "titles": lambda scene, _: _titles(scene),
    "two_answers": lambda scene, _: _two_answers(scene),
    "ungrounded": lambda scene, _: _ungrounded(scene),
    "by_heart": _by_heart,
}


def plant(seed: int, each: int = 40, good: int = 15, words: Words = FIRST) -> list[Planted]:
    """Different questions: `each` of every bad class, `good` of every kind.

    Args:
        seed: Equal seeds, equal questions.
        each: Of every class of bad questions; at most 44, as many as countries are known by heart.
        good: Of every kind.
        words: What they are worded with.
    """
    planted: dict[str, Planted] = {}
    for cls, make in _BAD.items():
        _fill(planted, each, lambda rng, number, make=make: make(Scene(rng, words), number), f"{seed} {cls}")  # type: ignore[misc]
    for kind, compose in _KINDS.items():
        _fill(planted, good, lambda rng, _, compose=compose: compose(Scene(rng, words)), f"{seed} {kind}")  # type: ignore[misc]
    return list(planted.values())


def _fill(planted: dict[str, Planted], count: int, make: Callable[[Random, int], Planted], seed: str) -> None:
    """Add questions that none of those before asks in the same words."""
    wanted, number = len(planted) + count, 0
    while len(planted) < wanted:
        if number > 50 * count:
            raise ValueError(f"{seed}: the words make fewer than {count} different questions")
        one = make(Random(f"{seed} {number}"), number)
        planted.setdefault(one.question.question.casefold(), one)
        number += 1


class PerfectReader:
    """Right exactly when what it is shown suffices; a reply for `ScriptedEngine`."""

    def __init__(self, planted: Iterable[Planted]) -> None:
        self._questions = {one.question.question: one for one in planted}
        # The same sub-question may be asked of several contexts: what is shown tells which one is meant.
        self._steps: dict[str, list[tuple[str, list[str]]]] = {}
        for one in self._questions.values():
            for step in one.question.steps:
                quotes = [one.question.evidence[at].quote for at in step.evidence]
                self._steps.setdefault(step.question, []).append((step.answer, quotes))

    def __call__(self, request: Request) -> str:
        """The reply to a prompt `answer`, whose last line states the answer."""
        return f"Answer: {self.answer(str(request.inputs.get('context', '')), str(request.inputs['question']))}"

    def answer(self, shown: str, question: str) -> str:
        """What it says to a question, having read what is shown."""
        text = re.sub(r"\s+", " ", shown)
        one = self._questions.get(question)
        if one is None:
            steps = self._steps.get(question) or next((s for q, s in self._steps.items() if q in question), [])
            found = (answer for answer, quotes in steps if quotes and all(quote in text for quote in quotes))
            return next(found, "unknown")
        if one.by_heart or all(sentence in text for sentence in one.needs):
            return one.question.reference_answer
        if one.rival and all(sentence in text for sentence in one.rival[0]):
            return one.rival[1]
        return "unknown"
