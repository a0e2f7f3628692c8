"""What a writer is asked of a context: one request or several, each with its documents, bridges and kinds.

    >>> asked = plan_requests(context, config, count, seed)
    >>> [(sum(each.wanted.values()), [document.title for document in each.documents]) for each in asked]
    [(1, ['Pilot', 'Ledger']), (1, ['Model', 'harbour'])]

With `scope: passages` a request shows the passages around the bridges of its questions, with `scope: context` all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from longhop.engines import Request
from longhop.kinds import kind_of
from longhop.markup import render_document
from longhop.recipe import QuestionsConfig
from longhop.records import Context, ContextDocument, make_seed
from longhop.writing.bridges import Bridge, Text, find_bridges, find_related
from longhop.writing.choice import choose_bridges
from longhop.writing.passages import choose_passages
from longhop.writing.wanted import dealt, wanted

__all__ = ["Asked", "plan_requests", "to_request"]

_LEAST_PASSAGES = 64  # tokens, where headings take all of a small budget
_RELATED = 1e-6  # what a likeness is worth beside a bridge


class Asked(NamedTuple):
    """One request for questions on a context."""

    context: Context
    number: int
    """The number of its first question among those of the context, from 0."""
    documents: list[ContextDocument]
    """What is shown; the first has number 1 in the prompt."""
    texts: list[str]
    """Of each document what is shown."""
    wanted: Mapping[str, int]
    """How many questions of each kind."""
    bridges: list[dict[str, Any]]
    """`name`, and the numbers of `documents`, of what questions may be built over."""

    @property
    def n_questions(self) -> int:
        """How many questions."""
        return sum(self.wanted.values())


def plan_requests(
    context: Context, config: QuestionsConfig, kinds: Mapping[str, float], count: Callable[[str], int], seed: int
) -> list[Asked]:
    """The requests for the questions of a context; the same for the same arguments.

    Args:
        context: The context.
        config: How many questions, how many a request, from how much of the context.
        kinds: Kinds of questions that the context can be asked for, with their weights; not empty.
        count: Tokens of a text.
        seed: The recipe's seed.
    """
    numbers = wanted(kinds, config.per_context, make_seed(seed, "kinds", context.context_id))
    per_request = min(config.per_request or config.per_context, config.per_context)
    hands = dealt(numbers, per_request, make_seed(seed, "requests", context.context_id))
    documents = context.documents
    texts = [
        Text(document.title, document.kind, document.source, context.text[document.start : document.end])
        for document in documents
    ]
    needs = [kind_of(kind).needs for hand in hands for kind, many in hand.items() for _ in range(many)]
    groups = _groups(texts, needs, config.min_documents, make_seed(seed, "bridges", context.context_id))
    # Where all may fit into one prompt, nothing is left out.
    small = len(hands) == 1 and len(context.text) <= 3 * config.budget
    asked, number = [], 0
    for hand in hands:
        many = sum(hand.values())
        bridges = list(dict.fromkeys(bridge for group in groups[number : number + many] for bridge in group))
        if config.scope == "context":
            shown = {at: text.text for at, text in enumerate(texts)}
        else:
            chosen = {at for bridge in bridges for at in bridge.documents}
            shown = _passages(
                texts, sorted(range(len(texts)) if small or not chosen else chosen), bridges, config, count
            )
        place = {at: position for position, at in enumerate(shown, 1)}
        asked.append(
            Asked(
                context=context,
                number=number,
                documents=[documents[at] for at in shown],
                texts=list(shown.values()),
                wanted=hand,
                bridges=[
                    {"name": bridge.name, "documents": [place[at] for at in bridge.documents]}
                    for bridge in bridges
                    if bridge.name and set(bridge.documents) <= set(place)
                ],
            )
        )
        number += many
    return asked


def _groups(texts: Sequence[Text], needs: Sequence[frozenset[str]], least: int, seed: int) -> list[tuple[Bridge, ...]]:
    """Bridges of each question; where they do not reach enough documents, documents about similar things, too."""
    kinds = [text.kind for text in texts]
    bridges = find_bridges(texts)
    groups = choose_bridges(bridges, kinds, needs, least, seed)

    def reaches(group: Collection[Bridge], needed: frozenset[str]) -> bool:
        joined = {at for bridge in group for at in bridge.documents}
        return len(joined) >= least and needed <= {kinds[at] for at in joined}

    if all(reaches(group, needed) for group, needed in zip(groups, needs, strict=True)):
        return groups
    related = [bridge._replace(score=bridge.score * _RELATED) for bridge in find_related(texts)]
    return choose_bridges([*bridges, *related], kinds, needs, least, seed)


def _passages(
    texts: Sequence[Text],
    shown: Sequence[int],
    bridges: Sequence[Bridge],
    config: QuestionsConfig,
    count: Callable[[str], int],
) -> dict[int, str]:
    headings = sum(count(render_document(texts[at].title, texts[at].kind, "")) for at in shown)
    ranked: dict[int, list[tuple[int, int, tuple[int, int]]]] = {at: [] for at in shown}
    for order, bridge in enumerate(bridges):
        ranks = dict.fromkeys(shown, 0)
        for place in bridge.places:
            if place.document in ranked:
                ranked[place.document].append((ranks[place.document], order, (place.start, place.end)))
                ranks[place.document] += 1
    places = {at: [place for _, _, place in sorted(own)] for at, own in ranked.items()}
    budget = max(config.budget - headings, _LEAST_PASSAGES)
    return choose_passages({at: texts[at].text for at in shown}, places, budget, count)


def to_request(asked: Asked, config: QuestionsConfig, seed: int, again: Mapping[str, Any] | None = None) -> Request:
    """What is sent for it; with `again` (inputs of the prompt that say what was wrong) under another seed."""
    context = asked.context
    together = list(zip(asked.documents, asked.texts, strict=True))
    inputs: dict[str, Any] = {
        # A whole context stands in the prompt as in that of `answer`, so that both share a server's prefix cache.
        "context": context.text
        if config.scope == "context"
        else "".join(render_document(document.title, document.kind, text) for document, text in together),
        "documents": [
            {"number": number, "title": document.title, "kind": document.kind, "text": text}
            for number, (document, text) in enumerate(together, 1)
        ],
        "bridges": asked.bridges,
        "count": asked.n_questions,
        "wanted": dict(asked.wanted),
        "kinds": dict(config.kinds),
        "min_documents": config.min_documents,
        "least_steps": config.steps[0],
        "most_steps": config.steps[1],
        **(again or {}),
    }
    which = (asked.number,) if asked.number else ()
    return Request(
        prompt="write_questions",
        inputs=inputs,
        seed=make_seed(seed, "questions" if again is None else "questions again", context.context_id, *which),
        sampling={"max_tokens": config.reply_tokens(asked.n_questions)},
        affinity=context.context_id,
    )
