"""A whole build in which planted questions stand, among text of real books, on the simulated server.

    python -m benchmarks.planted_build --each 10 --good 4

The documents of each planted question make a context together with text of the books of `shared/corpus` (beside the
repository, or where LONGHOP_SHARED says). Writer, reader and judge are scripted and stand behind HTTP, so prompts,
schema, replies, quotes, checks, traces and votes are those of a build with models. Prints the funnel of the run, and
which check caught which class, as `benchmarks/planted.py` does without a run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.planted import table
from longhop import Builder, Recipe
from longhop.answers import exact_match
from longhop.engines import Choice, Completion, Request
from longhop.funnel import funnel, over_kinds
from longhop.kinds import KINDS
from longhop.markup import render_document
from longhop.records import Question, from_table
from longhop.tokens import load_tokenizer
from tests.labelled import shared
from tests.model_server import Script, Shape, lexical
from tests.model_server.app import serving
from tests.planted import PerfectReader, Planted, plant

LENGTH = 1024
PIECES = 3
"""Of a book: no document gives more than half of a context."""
FILLED = 0.985
"""Of a context, by the documents of its question and the text of a book: so all of them are taken."""


class PlantedEngine:
    """Writes the question whose documents it is shown, and reads as a perfect reader does."""

    model = "planted"

    def __init__(self, planted: Sequence[Planted]) -> None:
        self._planted = planted
        self._reader = PerfectReader(planted)

    async def complete(self, request: Request) -> Completion:
        """Answer a prompt of longhop's."""
        inputs = request.inputs
        if request.prompt == "write_questions":
            said = json.dumps({"questions": self._written(inputs["documents"])})
        elif request.prompt == "answer":
            said = self._reader(request)
        else:
            first, second = (inputs[name] for name in ("reference", "answer") if name in inputs)
            said = json.dumps({"equal": exact_match(first, second, inputs["question"])})
        return Completion(choices=(Choice(content=said, reasoning="I read what was given."),) * request.samples)

    def _written(self, documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        shown = {document["number"]: plain(document["text"]) for document in documents}
        for one in self._planted:
            context = one.context
            numbers = {
                document.document_id: number
                for document in context.documents
                for number, text in shown.items()
                if plain(context.text[document.start : document.end]) == text
            }
            if len(numbers) == len(context.documents):
                return [_reply(one.question, numbers)]
        return []


def plain(text: str) -> str:
    """A text on one line."""
    return re.sub(r"\s+", " ", text).strip()


def _reply(question: Question, numbers: dict[str, int]) -> dict[str, Any]:
    found = question.evidence
    return {
        "kind": question.kind,
        "steps": [
            {
                "question": step.question,
                "answer": step.answer,
                "evidence": [
                    {"document": numbers[found[at].document_id], "quote": found[at].quote} for at in step.evidence
                ],
                "uses": step.uses,
            }
            for step in question.steps
        ],
        "question": question.question,
        "answer": question.reference_answer,
        "answer_type": question.answer_type,
        "aliases": question.aliases,
    }


def write_sources(folder: Path, planted: Sequence[Planted], books: Sequence[Path]) -> list[dict[str, str]]:
    """A table of documents a question, of a kind of their own, so that they make one context; and a piece of a book."""
    count = load_tokenizer("words").count
    words = iter(word for book in books for word in book.read_text(encoding="utf-8", errors="replace").split()[3000:])
    sources = []
    for number, one in enumerate(planted):
        rows = [
            {"title": document.title, "text": one.context.text[document.start : document.end]}
            for document in one.context.documents
        ]
        kind = f"scene{number:03}"
        taken = sum(count(render_document(row["title"], kind, row["text"])) for row in rows)
        for piece in range(PIECES):
            title, share = f"Of a Book {number} {piece}", (FILLED * LENGTH - taken) / PIECES
            filler: list[str] = []
            while count(render_document(title, kind, " ".join(filler))) < share:
                filler.append(next(words))
            rows.append({"title": title, "text": " ".join(filler)})
        path = folder / f"{number:03}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        sources.append({"kind": kind, "path": str(path)})
    return sources


@contextmanager
def served(planted: Sequence[Planted]) -> Iterator[str]:
    """The simulated server in a thread, with the planted engine behind it."""
    lexical.LexicalEngine = lambda: PlantedEngine(planted)  # type: ignore[misc, assignment]
    loop, address, ended = asyncio.new_event_loop(), "", asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        nonlocal address
        async with serving(Script(answers="lexical"), Shape(slots=256)) as address:
            ready.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait()
    yield address
    loop.call_soon_threadsafe(ended.set)
    thread.join()


def recipe(place: Path, sources: list[dict[str, str]], url: str) -> Recipe:
    """Every role on the server."""
    engine = {"kind": "openai", "model": "simulated", "urls": [url]}
    return Recipe.parse(
        {
            "name": "planted",
            "sources": sources,
            "documents": {"min_tokens": 1, "near_duplicate": None},
            "contexts": {"lengths": {LENGTH: len(sources)}, "group": "kind", "allow_fewer": True, "part_size": 40},
            "questions": {"per_context": 1, "scope": "context", "kinds": dict.fromkeys(KINDS, 1)},
            "engines": {"writer": engine, "reader": engine, "judge": engine},
        },
        base=place,
    )


def main() -> int:
    """Build and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--each", type=int, default=10, help="questions of each bad class")
    parser.add_argument("--good", type=int, default=4, help="good questions of each kind")
    given = parser.parse_args()
    folder = shared()
    if folder is None:
        print("shared/corpus is not here; set LONGHOP_SHARED", file=sys.stderr)
        return 2
    # Documents have a kind for each context here, so what needs a paper and code is never asked for.
    planted = [one for one in plant(given.seed, given.each, given.good) if one.question.kind != "paper_to_code"]
    with tempfile.TemporaryDirectory() as name, served(planted) as url:
        place = Path(name)
        (place / "sources").mkdir()
        sources = write_sources(place / "sources", planted, sorted((folder / "corpus" / "books").glob("*.txt")))
        run = Builder(recipe(place, sources, url), place / "run").build(workers=1)
        questions = list(from_table(run.questions().collect().to_arrow(), Question))
        known = {one.question.question: one for one in planted}
        outcomes = [(known[question.question], question) for question in questions if question.question in known]
        print(f"{len(planted)} planted, {len(questions)} written, {run.examples().collect().height} examples")
        print(f"left out: {run.rejections().group_by('stage', 'reason').len().sort('len').collect().rows()}\n")
        table(outcomes)
        print(f"\n{'check':18}{'seen':>6}{'fell':>6}{'tokens':>9}")
        for row in over_kinds(funnel(run.questions().collect())):
            print(f"{row.check:18}{row.seen:6}{row.fell:6}{row.tokens:9,}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
