"""The words that planted questions are made of: two sets, written one after the other, so that no check fits only one.

A clue describes a person, a fact says something of one; `{n}` is the name, `{w}` a description, `{v}` the value, `{p}`
a place. Facts with numbers can be compared and added, facts with names cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FIRST", "SECOND", "Clue", "Fact", "Words"]


@dataclass(frozen=True)
class Clue:
    """A sentence that describes a person, and how a question says the same without the name."""

    sentence: str
    who: str
    asked: str


@dataclass(frozen=True)
class Fact:
    """A sentence that says something of a person, and the questions that ask for it."""

    sentence: str
    asks: tuple[str, ...]
    asked: str
    more: str = ""
    """Who has more of it, `{a}` or `{b}`? Empty for a fact without a number."""
    together: str = ""
    whether: str = ""
    noun: str = ""
    """The number as a thing, before `of` or `by` and the person."""


@dataclass(frozen=True)
class Words:
    """One set of words."""

    first_names: str
    last_names: str
    places: str
    titles: tuple[str, ...]
    clues: tuple[Clue, ...]
    numbers: tuple[Fact, ...]
    names: tuple[Fact, ...]
    joined: tuple[str, ...]
    """Two questions in one: `{q}` asks who, `{r}` is how many…, `{o}` a second person."""
    listing: tuple[str, ...]
    """Questions whose answer is a list of titles."""
    filler: tuple[str, ...]


FIRST = Words(
    first_names="Ines Tobias Marta Oskar Selma Jonas Runa Edda Halvard Brita Sigrun Anders Liv Torvald Greta Nils",
    last_names="Halvorsen Reeve Quillfeather Brandvik Osterhout Lindqvist Marrow Tansley Vandermeer Sollis Ferrow",
    places="Holm Varsund Eskrigg Tarnby Skelder Ormsay Brandholt Fjellvik Dunmarsh Osterby",
    titles=(
        "The Pilots of {p}",
        "Accounts of {p}",
        "A Winter in {p}",
        "Letters from {p}",
        "The {p} Register",
        "Notes on {p}",
        "Lights of {p}",
        "The Weavers of {p}",
        "Storms over {p}",
        "A Walk round {p}",
    ),
    clues=(
        Clue(
            "{n} memorised every rock of the {p} sound.",
            "the pilot who memorised every rock of the {p} sound",
            "Who memorised every rock of the {p} sound?",
        ),
        Clue(
            "The bells of {p} were tuned by {n}, who was deaf in one ear.",
            "the person who tuned the bells of {p}",
            "Who tuned the bells of {p}?",
        ),
        Clue(
            "It was {n} who kept bees on the roof of the customs house in {p}.",
            "the one who kept bees on the roof of the customs house in {p}",
            "Who kept bees on the customs house in {p}?",
        ),
        Clue(
            "In {p} the first map of the marshes was drawn by {n}.",
            "the person by whom the first map of the marshes was drawn in {p}",
            "Who drew the first map of the marshes?",
        ),
        Clue(
            "{n} taught the deaf children of {p} to sing.",
            "the teacher of the deaf children of {p}",
            "Who taught the deaf children of {p} to sing?",
        ),
        Clue(
            "The flood gate of {p} was opened one night by {n}, without orders.",
            "whoever opened the flood gate of {p} without orders",
            "Who opened the flood gate of {p}?",
        ),
    ),
    numbers=(
        Fact(
            "{n} paid {v} crowns into the brass chest.",
            ("How many crowns did {w} pay into the brass chest?", "Into the brass chest {w} paid how many crowns?"),
            "How many crowns did {n} pay into the brass chest?",
            "Who paid more crowns into the brass chest, {a} or {b}?",
            "How many crowns did {w} and {x} pay into the brass chest together?",
            "Did {w} pay more crowns into the brass chest than {x}?",
            "the number of crowns paid into the brass chest by",
        ),
        Fact(
            "The journey of {n} to the northern cape took {v} days.",
            (
                "How many days did the journey of {w} to the northern cape take?",
                "The journey to the northern cape took {w} how many days?",
            ),
            "How many days did the journey of {n} to the northern cape take?",
            "Whose journey to the northern cape took more days, that of {a} or that of {b}?",
            "How many days did {w} and {x} travel to the northern cape, counted together?",
            "Was the journey of {w} to the northern cape longer than that of {x}?",
            "the length in days of the journey of",
        ),
        Fact(
            "After the fire {n} owned {v} sheep.",
            ("How many sheep did {w} own after the fire?", "After the fire, how many sheep belonged to {w}?"),
            "How many sheep did {n} own after the fire?",
            "Who owned more sheep after the fire, {a} or {b}?",
            "What was the number of sheep that {w} and {x} owned after the fire in all?",
            "After the fire, did {w} own more sheep than {x}?",
            "the number of sheep that after the fire were owned by",
        ),
        Fact(
            "{n} sold {v} barrels of tar that spring.",
            ("How many barrels of tar did {w} sell that spring?", "What number of barrels of tar was sold by {w}?"),
            "How many barrels of tar did {n} sell?",
            "Which of the two sold more barrels of tar, {a} or {b}?",
            "Added up, how many barrels of tar did {w} and {x} sell?",
            "Is it true that {w} sold more barrels of tar than {x}?",
            "the number of barrels of tar sold by",
        ),
    ),
    names=(
        Fact(
            "{n} was buried at {v}.",
            ("Where was {w} buried?", "At which place does {w} lie buried?"),
            "Where was {n} buried?",
        ),
        Fact(
            "{n} christened the cutter {v}.",
            ("What name did {w} give to the cutter?", "How was the cutter of {w} called?"),
            "What did {n} christen the cutter?",
        ),
        Fact(
            "The clerk notes that {n} came from {v}.",
            ("From which place did {w} come?", "Where did {w} come from?"),
            "Where did {n} come from?",
        ),
    ),
    joined=(
        "{q} and {r}",
        "{q}, and {r}",
        "{Q} And {r}",
        "{q}; also, {r}",
        "Name the person meant by this: {who}; and state {noun} {o}.",
        "What is the name of {who} and {noun} {o}?",
    ),
    listing=(
        "Which documents mention {n}?",
        "What do both texts have in common with {n}?",
        "In which writings does the name of {n} occur?",
        "Name the works in which {n} appears.",
    ),
    filler=(
        "The winter was long and the harbour froze twice.",
        "Of the market nothing is told but the price of eggs.",
        "A dog was found asleep in the pulpit.",
        "The road to the mill was mended with shells.",
        "Nobody could say who had moved the anchor.",
        "Rain fell on the day of the fair.",
        "The schoolmaster wrote a poem on turnips.",
        "Two windows of the chapel were broken by hail.",
    ),
)

SECOND = Words(
    first_names="Zoë José Nour Maeve Ravi Chiara Dmitri Amara Kenji Lotte Beatriz Owen Farida Pavel Noor Iris",
    last_names="Doyle-Carrick Llorente Haddad O'Brannigan Subramani Bellandi Voronin Okonjo Tanabe Steen Pinheiro",
    places="Calden Rivermouth Alvarez Tessaly Northgate Port-Lucan Merrow Ashby Quarrel Zanbury",
    titles=(
        "Annual report, {p} works",
        "Minutes of the {p} board",
        "{p}: a short history",
        "Field diary ({p})",
        "Interviews at {p}",
        "How {p} got its trams",
        "An audit of {p}",
        "The {p} exhibition",
        "{p} in figures",
        "What we found in {p}",
    ),
    clues=(
        Clue(
            "Before the merger, the {p} laboratory had been headed by {n}.",
            "the former head of the {p} laboratory",
            "Who headed the {p} laboratory before the merger?",
        ),
        Clue(
            "{n}, a chemist by training, designed the filter used in {p}.",
            "the chemist behind the filter that {p} used",
            "Which chemist designed the filter used in {p}?",
        ),
        Clue(
            "Nobody but {n} voted against the tram line to {p}.",
            "the only one to vote against the tram line to {p}",
            "Who voted against the tram line to {p}?",
        ),
        Clue(
            "The prize of the {p} exhibition went to {n}.",
            "the winner of the prize at the {p} exhibition",
            "To whom did the prize of the {p} exhibition go?",
        ),
        Clue(
            "When the dam near {p} cracked, {n} raised the alarm.",
            "the engineer who raised the alarm when the dam near {p} cracked",
            "Who raised the alarm at {p}?",
        ),
    ),
    numbers=(
        Fact(
            "In her third year {n} published {v} tables of measurements.",
            (
                "What is the total of tables of measurements published by {w} in her third year?",
                "In her third year, how many tables of measurements came from {w}?",
            ),
            "How many tables of measurements did {n} publish in her third year?",
            "Between {a} and {b}, who published more tables of measurements in her third year?",
            "If the tables of measurements from {w} are added to those from {x}, how many are there?",
            "Were more tables of measurements published by {w} than by {x}?",
            "the count of tables of measurements published by",
        ),
        Fact(
            "The budget asked for by {n} came to {v} euros.",
            (
                "What sum in euros did {w} ask for as a budget?",
                "How large, in euros, was the budget that {w} asked for?",
            ),
            "How many euros did the budget of {n} come to?",
            "Whose budget was larger, the one of {a} or the one of {b}?",
            "What do the budgets asked for by {w} and by {x} come to in total?",
            "Did {w} ask for a larger budget than {x} did?",
            "the budget in euros asked for by",
        ),
        Fact(
            "{n} interviewed {v} commuters for the study.",
            (
                "How many commuters were interviewed for the study by {w}?",
                "For the study, {w} interviewed what number of commuters?",
            ),
            "How many commuters did {n} interview?",
            "Who interviewed more commuters: {a} or {b}?",
            "How many commuters did {w} interview if those whom {x} interviewed are counted too?",
            "Is the number of commuters interviewed by {w} higher than that of {x}?",
            "how many commuters there were for",
        ),
    ),
    names=(
        Fact(
            "{n} later moved the archive to {v}.",
            ("To which town did {w} later move the archive?", "Where did the archive end up once {w} had moved it?"),
            "Where did {n} move the archive?",
        ),
        Fact(
            "The thesis of {n} was supervised in {v}.",
            ("In which town was the thesis of {w} supervised?", "Which town saw the supervision of the thesis by {w}?"),
            "Where was the thesis of {n} supervised?",
        ),
        Fact(
            "{n} gave the pump the nickname {v}.",
            ("What nickname did the pump get from {w}?", "Which nickname did {w} think of for the pump?"),
            "What nickname did {n} give the pump?",
        ),
    ),
    joined=(
        "{q} as well as {r}",
        "{q}? {r}",
        "Tell me {noun} {o} and who is meant by {who}.",
        "Who was {who}, and {r}",
        "Give both the name of {who} and {noun} {o}.",
        "{r2} and {q}",
        "Identify {who}. What is {noun} {o}?",
        "{q}, plus {r}",
    ),
    listing=(
        "Which of the provided sources talk about {n}?",
        "List the titles that refer to {n}.",
        "What two documents are about {n}?",
        "Across all the passages, where is {n} mentioned?",
        "Name both articles that speak of {n}.",
    ),
    filler=(
        "Lunch was served at one.",
        "The minutes were approved without a vote.",
        "Figures are rounded.",
        "Nobody had ordered the blue chairs.",
        "The lift was out of order for most of May.",
        "An appendix with photographs exists but was not printed.",
        "Tea costs less on Fridays.",
    ),
)
