"""What the checks that ask the reader catch, lose and cost.

    .venv/bin/python -m benchmarks.checks

The questions are those of MuSiQue and HotpotQA in `shared/corpus/labels` beside the repository (or where the variable
LONGHOP_SHARED says), each with all its paragraphs as documents. The reader is scripted: it is right when it is given
all supporting paragraphs, and of a subset of the questions already without any (`known`), or with one of them (`one`).
Of the rest, those with few options are guessed with one chance in two where evidence is missing. The checks should
reject the subset and keep the rest. Tokens are measured on contexts of real books, 128k long, with questions
planted in them.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import msgspec

from longhop.checks.probes import few_options
from longhop.engines import Request
from longhop.engines.scripted import ScriptedEngine
from longhop.inference import Inference
from longhop.kinds import LOOKS
from longhop.markup import document_header, render_document
from longhop.recipe import ChecksConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Question, make_id
from longhop.stages.checks import check_questions
from tests.labelled import labelled, shared

SUBSET = 0.4
SEEDS = range(5)
LONG = 128 * 1024

Labelled = tuple[str, Context, Question]


def main() -> None:
    """Print both tables."""
    folder = shared()
    if folder is None:
        sys.exit("the labelled questions are not here: shared/corpus/labels beside the repository, or LONGHOP_SHARED")
    rows = labelled(folder / "corpus" / "labels")
    for errors in (0.0, 0.1):
        catching(rows, errors)
    tokens(rows, sorted((folder / "corpus" / "books").iterdir()))


def catching(rows: Sequence[Labelled], errors: float) -> None:
    """How much of the subset is rejected and of the rest lost, by class: over all seeds, and in the worst of them."""
    print(f"\nreader that errs in {errors:.0%} of the cases in which it would be right, {len(SEEDS)} seeds")
    print(f"{'class':<30}{'questions':>10}{'rejected':>10}{'worst':>8}")
    runs: dict[str, list[tuple[int, int]]] = {}
    quality = []
    fell: Counter[str] = Counter()
    for seed in SEEDS:
        classes = [_class(question, seed) for _, _, question in rows]
        checked = _checked(rows, classes, errors, seed)
        counts: dict[str, list[int]] = {}
        right = kept = good = 0
        for (data, _, question), chosen, outcome in zip(rows, classes, checked, strict=True):
            subset = chosen != "needs all"
            options = "few options" if few_options(question) else "open"
            for name in (
                f"{chosen}, {options}",
                f"{data}, {'subset' if subset else 'rest'}",
                "subset" if subset else "rest",
            ):
                counts.setdefault(name, [0, 0])
                counts[name][0] += 1
                counts[name][1] += not outcome.accepted
            right += outcome.accepted and not subset
            kept += outcome.accepted
            good += not subset
            if not subset and outcome.rejected_by:
                fell[outcome.rejected_by] += 1
        quality.append((right / kept, right / good))
        for name, (number, rejected) in counts.items():
            runs.setdefault(name, []).append((number, rejected))
    for name, found in sorted(runs.items()):
        total, rejected = (sum(values) for values in zip(*found, strict=True))
        shares = [part / number for number, part in found]
        worst = min(shares) if not name.startswith(("needs", "rest")) and "rest" not in name else max(shares)
        print(f"{name:<30}{total:>10}{rejected / total:>10.3f}{worst:>8.3f}")
    precision, recall = ([value[at] for value in quality] for at in (0, 1))
    print(f"precision {sum(precision) / len(quality):.3f}, worst {min(precision):.3f}; ", end="")
    print(f"recall {sum(recall) / len(quality):.3f}, worst {min(recall):.3f}; the rest fell by {dict(fell)}")


def _class(question: Question, seed: int) -> str:
    rng = Random(f"class {seed} {question.question_id}")
    return "needs all" if rng.random() >= SUBSET else rng.choice(["known", "one"])


def _checked(rows: Sequence[Labelled], classes: Sequence[str], errors: float, seed: int) -> list[Question]:
    by_text = {
        question.question: (context, question, chosen)
        for (_, context, question), chosen in zip(rows, classes, strict=True)
    }

    def reply(request: Request) -> list[str]:
        return [f"Answer: {_answer(by_text, request, sample, errors, seed)}" for sample in range(request.samples)]

    # What a question looks like is not what is measured here.
    checks = ChecksConfig(skip=list(LOOKS))
    written = [(context, [question]) for _, context, question in rows]
    reader = Inference(ScriptedEngine(reply))
    return list(check_questions(written, QuestionsConfig(), checks, reader, lambda text: len(text.split()), seed))


def _answer(
    by_text: dict[str, tuple[Context, Question, str]], request: Request, sample: int, errors: float, seed: int
) -> str:
    shown, asked = request.inputs["context"], request.inputs["question"]
    rng = Random(f"try {seed} {request.seed + sample} {asked}")
    if asked in by_text:
        context, question, chosen = by_text[asked]
        needed = [_text(context, document) for document in dict.fromkeys(e.document_id for e in question.evidence)]
        there = [text in shown for text in needed]
        right = all(there) or chosen == "known" or (chosen == "one" and there[0])
        if right and rng.random() >= errors:
            return question.reference_answer
        if few_options(question):
            other = {"yes": "no", "no": "yes"}.get(question.reference_answer, "the other one")
            return other if right else rng.choice([question.reference_answer, other])
        return rng.choice(["unknown", "something else"])
    for context, question, _ in by_text.values():
        for step in question.steps:
            stem = re.escape(step.question).replace(r"\#1", ".+")
            if re.search(rf"(?:^|\. ){stem}$", asked) and "[hidden]" not in asked and rng.random() >= errors:
                texts = [_text(context, question.evidence[at].document_id) for at in step.evidence]
                if all(text in shown for text in texts):
                    return step.answer
    return "unknown"


def _text(context: Context, document_id: str) -> str:
    document = next(document for document in context.documents if document.document_id == document_id)
    return context.text[document.start : document.end]


def tokens(rows: Sequence[Labelled], books: Sequence[Path]) -> None:
    """Tokens that checks send for an accepted question, against those of its traces, which send the context once."""
    checks = ChecksConfig(skip=list(LOOKS))
    sent, traced, names = [], [], Counter[str]()
    for _, context, question in rows[::10]:
        long, planted = _planted(context, question, books)
        by_text = {planted.question: (context, question, "needs all")}

        def reply(request: Request, by_text: dict[str, tuple[Context, Question, str]] = by_text) -> list[str]:
            return [f"Answer: {_answer(by_text, request, sample, 0.0, 0)}" for sample in range(request.samples)]

        reader = Inference(ScriptedEngine(reply))
        (checked,) = check_questions([(long, [planted])], QuestionsConfig(), checks, reader, _count, 1)
        sent.append(sum(check.tokens for check in checked.checks))
        traced.append(_count(long.text) + _count(question.question))
        for check in checked.checks:
            names[check.name] += check.tokens
    print(f"\ntokens of checks over those of traces at 128k, {len(sent)} questions: ", end="")
    shares = [one / other for one, other in zip(sent, traced, strict=True)]
    print(f"{sum(sent) / sum(traced):.3f}, at most {max(shares):.3f} of a question")
    for name, count in names.most_common():
        print(f"{name:<20}{count / len(sent):>10,.0f} tokens a question")


def _count(text: str) -> int:
    """Words and signs, as the tokenizer `words` counts them."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def _planted(context: Context, question: Question, books: Sequence[Path]) -> tuple[Context, Question]:
    """A context of books in which the paragraphs of a question stand, one a book, at a random place."""
    rng = Random(question.question_id)
    large = [book for book in books if book.suffix == ".txt" and book.stat().st_size > 10 * LONG // 8]
    chosen = rng.sample(large, len(large))
    needed = {quote.document_id for quote in question.evidence}
    # Those with evidence first, so that no two of them stand in one book.
    paragraphs = sorted(context.documents, key=lambda document: document.document_id not in needed)
    share = LONG // 8
    text, documents, moved = "", [], {}
    for number in range(8):
        body = list(_start(chosen[number % len(chosen)].read_text(encoding="utf-8", errors="replace"), share))
        for paragraph in paragraphs[number::8]:
            body.insert(rng.randint(0, len(body)), context.text[paragraph.start : paragraph.end])
        joined = "\n\n".join(body)
        title = chosen[number % len(chosen)].stem
        start = len(text) + len(document_header(title, "book"))
        text += render_document(title, "book", joined)
        document = ContextDocument(
            document_id=f"book{number}", kind="book", title=title, source=title, license=None,
            start=start, end=start + len(joined), n_tokens=share,
        )  # fmt: skip
        documents.append(document)
        for paragraph in paragraphs[number::8]:
            at = text.index(context.text[paragraph.start : paragraph.end], start)
            moved[paragraph.document_id] = (document.document_id, at - paragraph.start)
    evidence = [
        msgspec.structs.replace(
            quote,
            document_id=moved[quote.document_id][0],
            start=quote.start + moved[quote.document_id][1],
            end=quote.end + moved[quote.document_id][1],
        )
        for quote in question.evidence
    ]
    long = Context(
        context_id=make_id(text),
        split="train",
        target_tokens=LONG,
        n_tokens=_count(text),
        text=text,
        documents=documents,
    )
    return long, msgspec.structs.replace(question, evidence=evidence)


def _start(text: str, most: int) -> Iterator[str]:
    """Paragraphs of a book's beginning, so many tokens."""
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        most -= _count(paragraph)
        if most < 0:
            return
        yield paragraph


if __name__ == "__main__":
    main()
