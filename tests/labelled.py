"""Questions that people wrote, of MuSiQue and HotpotQA, as records: what checks must not lose.

    >>> len(labelled(shared() / "corpus" / "labels"))
    200

The two files are not part of the repository. They are looked for in the folder that the variable `LONGHOP_SHARED`
names, else in `shared` beside the repository.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longhop.records import Context, ContextDocument, Evidence, Question, Step, make_id

__all__ = ["labelled", "shared"]


def shared() -> Path | None:
    """The folder with data that is not part of the repository; None where it is absent."""
    named = os.environ.get("LONGHOP_SHARED")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "shared"
    return folder if (folder / "corpus" / "labels").is_dir() else None


def labelled(folder: Path) -> list[tuple[str, Context, Question]]:
    """Every question of the two files with its context: (`musique` or `hotpotqa`, context, question)."""
    musique = [("musique", *_musique(row)) for row in _rows(folder / "musique_dev_100.jsonl")]
    return musique + [("hotpotqa", *_hotpotqa(row)) for row in _rows(folder / "hotpotqa_dev_100.jsonl")]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _context(paragraphs: list[tuple[str, str]]) -> Context:
    text, documents = "", []
    for number, (title, body) in enumerate(paragraphs):
        start = len(text)
        text += body
        documents.append(
            ContextDocument(
                document_id=f"d{number}",
                kind="article",
                title=title,
                source=f"{number}.txt",
                license=None,
                start=start,
                end=len(text),
                n_tokens=len(body.split()),
            )
        )
        text += "\n\n"
    return Context(
        context_id=make_id(text),
        split="train",
        target_tokens=len(text),
        n_tokens=len(text.split()),
        text=text,
        documents=documents,
    )


def _quote(context: Context, number: int, quote: str) -> Evidence:
    document = context.documents[number]
    start = context.text.index(quote, document.start, document.end)
    return Evidence(document_id=document.document_id, quote=quote, start=start, end=start + len(quote), score=1.0)


def _question(
    context: Context,
    kind: str,
    question: str,
    answer: str,
    aliases: list[str],
    steps: list[Step],
    quotes: list[Evidence],
) -> Question:
    return Question(
        question_id=make_id(context.context_id, question, answer),
        context_id=context.context_id,
        kind=kind,
        question=question.strip(),
        reference_answer=answer,
        aliases=aliases,
        answer_type="text",
        n_steps=len(steps),
        steps=steps,
        evidence=quotes,
        checks=[],
        accepted=False,
        rejected_by=None,
        model="people",
    )


def _musique(row: dict[str, Any]) -> tuple[Context, Question]:
    context = _context([(p["title"], p["paragraph_text"]) for p in row["paragraphs"]])
    steps, quotes = [], []
    for number, step in enumerate(row["question_decomposition"]):
        at = next(i for i, p in enumerate(row["paragraphs"]) if p["idx"] == step["paragraph_support_idx"])
        quotes.append(_quote(context, at, row["paragraphs"][at]["paragraph_text"]))
        uses = [int(used) - 1 for used in re.findall(r"#(\d)", step["question"])]
        steps.append(Step(question=step["question"], answer=step["answer"], evidence=[number], uses=uses))
    question = _question(context, "bridge", row["question"], row["answer"], row["answer_aliases"], steps, quotes)
    return context, question


def _hotpotqa(row: dict[str, Any]) -> tuple[Context, Question]:
    """HotpotQA names supporting sentences and no steps.

    The last step finds the answer in the paragraph that has it; where the other paragraph names the title of that one,
    the title is the bridge. Else a step's answer is its sentence, which says no more than that it is there.
    """
    context = _context([(title, "".join(sentences)) for title, sentences in row["context"]])
    titles = [title for title, _ in row["context"]]
    chosen: dict[str, list[str]] = {}
    for title, at in row["supporting_facts"]:
        sentences = row["context"][titles.index(title)][1]
        if at < len(sentences) and sentences[at].strip():
            chosen.setdefault(title, []).append(sentences[at])
    answer = row["answer"]
    by_answer = sorted(chosen, key=lambda title: answer.casefold() in "".join(chosen[title]).casefold())
    bridge = re.sub(r"\s*\([^)]*\)$", "", by_answer[-1])
    quotes: list[Evidence] = []
    steps: list[Step] = []
    for title in by_answer:
        indices = []
        for sentence in dict.fromkeys(chosen[title]):
            indices.append(len(quotes))
            quotes.append(_quote(context, titles.index(title), sentence))
        said = "".join(dict.fromkeys(chosen[title]))
        found = bridge if title != by_answer[-1] and bridge in said and row["type"] == "bridge" else said
        steps.append(Step(question=f"What is said of {title}?", answer=found, evidence=indices, uses=[]))
    if row["type"] == "comparison":
        final = Step(question=row["question"], answer=answer, evidence=[], uses=list(range(len(steps))))
        kind = "yes_no" if answer in {"yes", "no"} else "comparison"
        return context, _question(context, kind, row["question"], answer, [], [*steps, final], quotes)
    last = Step(question=row["question"], answer=answer, evidence=steps[-1].evidence, uses=list(range(len(steps) - 1)))
    return context, _question(context, "bridge", row["question"], answer, [], [*steps[:-1], last], quotes)
