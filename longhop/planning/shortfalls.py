"""What to say where the documents do not give what is asked for: contexts that stay empty, kinds that are missing.

>>> print(shortfall(documents, config, {("train", 4096): 9}, plans))
the documents fill 3 of 9 contexts:
  train, 4096 tokens: 9 asked for, 3 can be filled
…
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from longhop.cleaning.quality import REASONS
from longhop.planning.planned import PlannedDocument
from longhop.planning.stock import FULL_PERCENT, least_full
from longhop.recipe import ContextsConfig
from longhop.records import ContextPlan

__all__ = ["kinds_missed", "shortfall"]

KIND_POINTS = 5
"""Percentage points by which a kind's share of a context may differ from what is asked, without a word."""
DECIDED_BY = {
    "license": "documents.licenses",
    "overlaps_evaluation": "documents.exclude",
    "language": "documents.languages",
    **dict.fromkeys(REASONS, "documents.quality"),
    "too_short": "documents.min_tokens",
    "too_long": "documents.max_tokens",
    "cut_to_max_tokens": "documents.max_tokens",
    "near_duplicate": "documents.near_duplicate",
    "duplicate": "sources",
    "other_kind": "contexts.kinds",
}
"""Which key of the recipe leaves documents out for which reason; all others lie in the sources."""


def shortfall(
    documents: Sequence[PlannedDocument],
    config: ContextsConfig,
    wanted: Mapping[tuple[str, int], int],
    made: Sequence[ContextPlan],
    earlier: Sequence[ContextPlan] = (),
    left_out: Mapping[str, int] | None = None,
) -> str:
    """What to say where documents do not fill the contexts: what is missing, why as far as it is known, what to do.

    Args:
        documents: Those that were planned with.
        config: The settings they were planned with.
        wanted: Contexts asked for, by split and target length.
        made: Those that could be planned.
        earlier: Those of earlier growth steps.
        left_out: Documents that are not among `documents`, by the reason of their rejection.
    """
    got = Counter((plan.split, plan.target_tokens) for plan in made)
    lines = [f"the documents fill {len(made):,} of {sum(wanted.values()):,} contexts:"]
    lines += [
        f"  {split}, {target} tokens: {count} asked for, {got[split, target]} can be filled"
        for (split, target), count in sorted(wanted.items())
        if count
    ]
    there = [d for d in documents if d.duplicate_of is None and (config.kinds is None or d.kind in config.kinds)]
    others = sum(d.duplicate_of is None for d in documents) - len(there)
    for split in sorted({key[0] for key, count in wanted.items() if got[key] < count}) if there else ():
        lengths = {target: count for (own, target), count in wanted.items() if own == split and count}
        used = sum(piece.n_tokens for plan in earlier if plan.split == split for piece in plan.pieces)
        lines.append(f"  {split} has {_reason([d for d in there if d.split == split], used, lengths, config)}")
    reasons = Counter(left_out or {}) + Counter(duplicate=len(documents) - len(there) - others, other_kind=others)
    if reasons:
        counts = (f"{count:,} {name} ({DECIDED_BY.get(name, 'sources')})" for name, count in reasons.most_common())
        lines.append(f"  rejected before: {', '.join(counts)}")
    if there:
        ways = f"Add documents, raise contexts.reuse (now {config.reuse}), "
        fewer = "ask for fewer in contexts.lengths, or set contexts.allow_fewer: true to take what can be filled."
        lines.append(ways + ("or ask for shorter ones in contexts.lengths." if config.allow_fewer else fewer))
    else:
        keys = ", ".join(dict.fromkeys(DECIDED_BY.get(name, "sources") for name in reasons or DECIDED_BY))
        lines.append(f"No document takes part. Loosen what leaves them out ({keys}), or add others.")
    return "\n".join(lines)


def _reason(own: Sequence[PlannedDocument], used: int, lengths: Mapping[int, int], config: ContextsConfig) -> str:
    """Why a split's documents do not fill contexts of these lengths, where contexts have `used` of their tokens."""
    tokens = sum(d.n_tokens for d in own)
    found = f"{'1 document' if len(own) == 1 else f'{len(own):,} documents'} with {tokens:,} tokens"
    if len(own) < 2:
        return f"{found}: a context takes two at least (documents.splits divides them)"
    half = (min(lengths) - config.room) // 2
    uncut = sum(d.n_tokens > half and not len(d.cuts.offsets) for d in own)
    if uncut > len(own) // 2:
        return f"{found}: {uncut:,} of them are above {half:,}, half the shortest of these contexts, and cannot be cut"
    able = sum(min(d.n_tokens, half) for d in own if d.n_tokens <= half or len(d.cuts.offsets))
    least = least_full(min(lengths) - config.room)
    if able < least:
        return (
            f"{found}, of which the shortest of these contexts could have {able:,} and is full from {least:,}: no "
            f"document gives it more than half, which is {half:,}"
        )
    most = (max(lengths) - config.room) // 2
    whole = sum(min(d.n_tokens, most) for d in own)
    if whole * config.reuse - used < sum((target - config.room) * count for target, count in lengths.items()):
        halved = ", each time for half of it at most" if whole < tokens else ""
        return f"{found}: too few, where each may stand in {config.reuse} (contexts.reuse){halved}"
    alike = " of one kind (contexts.group)" if config.group == "kind" else ""
    filling = f"{FULL_PERCENT} to 100 % of a context, which is easier with longer ones"
    return f"{found}: enough, but too few{alike} that add up to {filling}"


def kinds_missed(
    plans: Sequence[ContextPlan], documents: Sequence[PlannedDocument], config: ContextsConfig
) -> str | None:
    """What to say where the kinds of documents in contexts miss their shares by more than 5 points; None else."""
    if config.kinds is None:
        return None
    kinds = {document.document_id: document.kind for document in documents}
    had: Counter[str] = Counter()
    missed = 0
    for plan in plans:
        tokens: Counter[str] = Counter()
        for piece in plan.pieces:
            tokens[kinds[piece.document_id]] += piece.n_tokens
        total = tokens.total()
        had.update(tokens)
        missed += any(abs(tokens[kind] / total - share) * 100 > KIND_POINTS for kind, share in config.kinds.items())
    if not missed:
        return None
    shares = (
        f"{kind} {had[kind] / had.total():.0%} of the tokens ({share:.0%} asked for)"
        for kind, share in config.kinds.items()
    )
    return (
        f"contexts.kinds: {missed:,} of {len(plans):,} contexts miss the shares by more than {KIND_POINTS} points; in "
        f"all {', '.join(shares)}: the corpus has too few documents of a kind, or none that fit"
    )
