"""Contexts: related documents and distractors, packed to the target lengths, then rendered.

Planning needs no text, only each document's length, cuts and terms; rendering reads the documents of one context:

    >>> plans = plan_contexts(documents, recipe.contexts, recipe.documents.splits, tokenizer, seed=7)
    >>> [piece.document_id for piece in plans[0].pieces]
    ['0a4f…', '77c1…', '913b…']
    >>> context = next(render_contexts(plans, read_document, tokenizer))
    >>> context.n_tokens == tokenizer.count(context.text) <= context.target_tokens
    True
"""

from __future__ import annotations

import copy
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from longhop.errors import CorpusError
from longhop.markup import DOCUMENT_FOOTER, document_header
from longhop.planning.ordering import arranged
from longhop.planning.packing import fill
from longhop.planning.planned import PlannedDocument
from longhop.planning.relatedness import Relatedness
from longhop.planning.seams import Seams, probe_seams
from longhop.planning.shortfalls import shortfall
from longhop.planning.stock import Costs, Pick, Stock, least_full, seeded
from longhop.recipe import ContextsConfig, Splits
from longhop.records import Context, ContextPlan, Document, DocumentText, Piece, Rejection, make_id
from longhop.stages.rendering import Laid, lay, may_cut_before_indents, render

if TYPE_CHECKING:
    from longhop.tokens import Tokenizer

__all__ = ["VERSION", "contexts_wanted", "plan_contexts", "render_contexts"]

VERSION = 4
"""Raise it when the same input gives other rows."""

ATTEMPTS = 160
"""How often a small corpus is packed anew where not all contexts could be filled."""
FIRST_ATTEMPTS = 16
"""After so many it goes on only if no more than a tenth of the contexts is missing."""
ATTEMPTS_DOCUMENTS = 12_000
"""Documents that all attempts together pack, so that a large corpus is not packed as often."""
BATCH, BATCH_CHARS = 64, 6_000_000
"""Contexts, and characters of them, that are rendered before their seams are counted together."""

_Wanted = dict[tuple[str, int], int]


def contexts_wanted(
    lengths: Mapping[int, int], splits: Splits, earlier: Sequence[ContextPlan] = ()
) -> dict[tuple[str, int], int]:
    """How many contexts are still to be planned for each (split, target length).

    Those of a length are divided over the splits by their shares (largest remainder). What earlier growth steps planned
    counts, and is never taken away: where a split has more than its share by now, the others get fewer.
    """
    shares = {name: share for name, share in splits.model_dump().items() if share > 0}
    have = Counter((plan.split, plan.target_tokens) for plan in earlier)
    wanted: _Wanted = {}
    for target, count in sorted(lengths.items()):
        exact = {split: share * count for split, share in shares.items()}
        quota = {split: int(value + 1e-9) for split, value in exact.items()}
        by_remainder = sorted(shares, key=lambda split: (quota[split] - exact[split], list(shares).index(split)))
        for split in by_remainder[: count - sum(quota.values())]:
            quota[split] += 1
        missing = {split: max(0, quota[split] - have[split, target]) for split in shares}
        excess = sum(missing.values()) - max(0, count - sum(n for (_, length), n in have.items() if length == target))
        for split in sorted(shares, key=lambda s: (-have[s, target] - missing[s] + exact[s], list(shares).index(s))):
            less = min(missing[split], max(0, excess))
            missing[split] -= less
            excess -= less
        wanted |= {(split, target): missing[split] for split in shares}
    return wanted


def plan_contexts(
    documents: Sequence[PlannedDocument],
    config: ContextsConfig,
    splits: Splits,
    tokenizer: Tokenizer,
    seed: int,
    earlier: Sequence[ContextPlan] = (),
    sample: Sequence[str] = (),
    left_out: Mapping[str, int] | None = None,
) -> list[ContextPlan]:
    """Plan the contexts that are still missing; the order of `documents` does not matter.

    Args:
        documents: All documents of the run with their splits; duplicates take no part.
        config: Lengths, room, reuse, grouping and size of parts.
        splits: Shares of the contexts of each length.
        tokenizer: Counts headers and footers.
        seed: Decides all orders.
        earlier: Contexts of earlier growth steps; their documents count towards `reuse`, their parts stay as they are.
        sample: Texts of some of the documents, which show how well counts add up in contexts; see `probe_seams`.
        left_out: Documents that are not among these, by the reason of their rejection: for the error's message only.

    Returns:
        The new contexts only, by part, in new parts behind the earlier ones.

    Raises:
        CorpusError: Where the documents do not fill all contexts, unless `config.allow_fewer`.
    """
    wanted = contexts_wanted(config.lengths, splits, earlier)
    by_split: dict[str, dict[str, PlannedDocument]] = defaultdict(dict)
    for document in documents:
        wants = config.kinds is None or document.kind in config.kinds
        if document.duplicate_of is None and document.n_tokens > 0 and wants:
            by_split[document.split][document.document_id] = document
    seams = probe_seams(tokenizer, sample)
    made: list[ContextPlan] = []
    for split in sorted({split for split, _ in wanted}):
        lengths = {target: n for (own, target), n in wanted.items() if own == split and n}
        if lengths:
            members = [by_split[split][document_id] for document_id in sorted(by_split[split])]
            made += _plan_split(split, members, lengths, config, tokenizer, seams, seed, earlier)
    got = Counter((plan.split, plan.target_tokens) for plan in made)
    if not config.allow_fewer and any(got[key] < n for key, n in wanted.items()):
        raise CorpusError(shortfall(documents, config, wanted, made, earlier, left_out))
    return _into_parts(made, config, seed, 1 + max((plan.part for plan in earlier), default=-1))


def _plan_split(
    split: str,
    documents: Sequence[PlannedDocument],
    lengths: Mapping[int, int],
    config: ContextsConfig,
    tokenizer: Tokenizer,
    seams: tuple[Seams, Seams],
    seed: int,
    earlier: Sequence[ContextPlan],
) -> list[ContextPlan]:
    """The missing contexts of one split: as varied as can be, or more thrifty where that does not fill all of them."""
    headers = tokenizer.count_batch([document_header(d.title, d.kind) for d in documents])
    footer = tokenizer.count("\n" + DOCUMENT_FOOTER)
    costs = Costs([count + footer for count in headers], *seams)
    nearness = Relatedness(documents) if config.group == "related" else None
    own = [plan.pieces for plan in earlier if plan.split == split]
    needed = sum(least_full(target - config.room) * n for target, n in lengths.items())
    best: list[ContextPlan] = []
    for thrift in range(1 + max(1, min(ATTEMPTS, ATTEMPTS_DOCUMENTS // max(1, len(documents))))):
        stock = Stock(
            documents,
            costs,
            reuse=config.reuse,
            by_kind=config.group == "kind" or config.kinds is not None,
            seed=f"{seed}/{split}/{len(own)}",
            thrift=thrift,
            earlier=own,
        )
        ample = stock.capacity(max(lengths) - config.room) >= needed
        # An index is narrowed while documents are used up, so each attempt has its own.
        filled = _fill(stock, copy.copy(nearness), lengths, config, shortest_first=thrift % 4 >= 2)
        best = max(best, [_as_plan(picks, documents, split, target, config, seed) for target, picks in filled], key=len)
        missing = sum(lengths.values()) - len(best)
        if not missing or not ample or (thrift >= FIRST_ATTEMPTS and missing > max(1, len(best) // 10)):
            break
    return best


def _fill(
    stock: Stock,
    nearness: Relatedness | None,
    lengths: Mapping[int, int],
    config: ContextsConfig,
    *,
    shortest_first: bool,
) -> list[tuple[int, list[Pick]]]:
    """Targets and picks: the longest first, since they need the most documents; or last, since they take any rest."""
    filled: list[tuple[int, list[Pick]]] = []
    targets = sorted(lengths)
    for target in targets if shortest_first else reversed(targets):
        shorter = max((other - config.room for other in targets if other < target), default=0)
        for _ in range(lengths[target]):
            budget = target - config.room
            picks = fill(stock, nearness, target=target, budget=budget, reserve=shorter // 2, config=config)
            if picks is None:
                break
            filled.append((target, picks))
    return filled


def _as_plan(
    picks: Sequence[Pick],
    documents: Sequence[PlannedDocument],
    split: str,
    target: int,
    config: ContextsConfig,
    seed: int,
) -> ContextPlan:
    pieces = [
        Piece(
            document_id=documents[pick.document].document_id,
            start=pick.stretch.start,
            end=pick.stretch.end,
            n_tokens=pick.stretch.tokens,
            related=config.group == "related" and not pick.distractor,
        )
        for pick in picks
    ]
    # What stands in the context itself decides the order, not how it was found.
    salt = make_id(seed, *sorted((piece.document_id, piece.start) for piece in pieces))
    pieces = arranged(pieces, config.order, salt)
    context_id = make_id(split, target, *((piece.document_id, piece.start, piece.end) for piece in pieces))
    return ContextPlan(context_id=context_id, split=split, target_tokens=target, part=0, pieces=pieces)


def _into_parts(plans: Sequence[ContextPlan], config: ContextsConfig, seed: int, first: int) -> list[ContextPlan]:
    """Divide contexts over as few parts as the limits allow, about equally long; lengths are mixed in each."""
    total = sum(plan.target_tokens for plan in plans)
    fewest = max(-(-len(plans) // config.part_size), -(-total // config.part_tokens))
    order = {plan.context_id: seeded(seed, "part", plan.context_id) for plan in plans}
    parts: list[list[ContextPlan]] = [[] for _ in range(fewest)]
    emptiest = [(0, number) for number in range(fewest)]
    for plan in sorted(plans, key=lambda p: (-p.target_tokens, order[p.context_id], p.context_id)):
        while emptiest and len(parts[emptiest[0][1]]) >= config.part_size:
            heapq.heappop(emptiest)
        size, number = emptiest[0] if emptiest else (config.part_tokens, 0)
        if emptiest and (not size or size + plan.target_tokens <= config.part_tokens):
            heapq.heapreplace(emptiest, (size + plan.target_tokens, number))
        else:
            number = len(parts)
            parts.append([])
            heapq.heappush(emptiest, (plan.target_tokens, number))
        parts[number].append(plan)
    return [
        msgspec.structs.replace(plan, part=first + number)
        for number, members in enumerate(parts)
        for plan in sorted(members, key=lambda p: (order[p.context_id], p.context_id))
    ]


def render_contexts(
    plans: Iterable[ContextPlan],
    read_document: Callable[[str], Document | DocumentText],
    tokenizer: Tokenizer,
    room: int = 0,
) -> Iterator[Context | Rejection]:
    """Contexts with text, exact offsets and exact counts, in the order of their plans.

    A document's stretch loses the newlines at its end, so `text[start:end]` is its text up to there. Counts of an
    additive tokenizer are those of the plan's pieces; only what surrounds the seams is counted again. For others the
    finished text is counted whole.

    Args:
        plans: What to render.
        read_document: Gives a document by its id; called once a piece.
        tokenizer: The recipe's.
        room: Tokens to leave free under every target; a context above that is a rejection (planning rules it out).

    Raises:
        CorpusError: If a piece lies outside its document, so that plan and documents are not of one run.
    """
    for batch in _laid(plans, read_document, tokenizer):
        for context in render(batch, tokenizer):
            if context.n_tokens > context.target_tokens - room:
                detail = f"{context.n_tokens} tokens for a target of {context.target_tokens} with {room} left free"
                yield Rejection(stage="contexts", item_id=context.context_id, reason="too_long", detail=detail)
            else:
                yield context


def _laid(
    plans: Iterable[ContextPlan], read_document: Callable[[str], Document | DocumentText], tokenizer: Tokenizer
) -> Iterator[list[Laid]]:
    """Contexts in batches that are counted together: large enough for all processors, small enough for memory."""
    indents = tokenizer.additive and may_cut_before_indents(tokenizer)
    batch: list[Laid] = []
    for plan in plans:
        documents = [read_document(piece.document_id) for piece in plan.pieces]
        batch.append(lay(plan, documents, tokenizer, indents=indents))
        if sum(len(laid.text) for laid in batch) >= BATCH_CHARS or len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
