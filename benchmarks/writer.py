"""What a model writes: questions on pairs of supporting paragraphs of MuSiQue and HotpotQA, and how good they are.

    python -m benchmarks.writer --url http://127.0.0.1:8000/v1 --count 50 --out questions.jsonl

The real stage writes them, one question a context of two documents, and the checks that ask nobody look at them. It
prints how many replies were valid, how many quotes stand in their document word for word, nearly, or not at all, how
many questions have quotes in two documents, and what fell where. The questions are saved with their documents.
The labels are those of `shared/corpus/labels`, beside the repository or where LONGHOP_SHARED says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from longhop.engines.openai import OpenAIEngine
from longhop.inference import Inference
from longhop.markup import document_header, render_document
from longhop.prompting import load_prompts
from longhop.quotes import NEARLY
from longhop.recipe import ChecksConfig, EngineConfig, QuestionsConfig
from longhop.records import Context, ContextDocument, Question, Rejection, make_id
from longhop.stages.questions import write_questions
from longhop.tokens import load_tokenizer

_FOUND = 0.9  # the check's own bound; below it a quote counts as absent
_UNREAD = ("malformed_reply", "cut_reply")


def main() -> int:
    """Write questions with a server's model and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--url", required=True, help="address of an OpenAI-compatible server, such as http://host:8000/v1"
    )
    parser.add_argument("--model", help="name of the model; default: the first that the server lists")
    parser.add_argument("--count", type=int, default=50, help="questions to write")
    parser.add_argument("--steps", type=int, nargs=2, default=[2, 4], help="least and greatest number of steps")
    parser.add_argument("--kinds", default="bridge,comparison,calculation", help="kinds of questions, parted by commas")
    parser.add_argument("--concurrency", type=int, default=2)
    parser.add_argument("--max-tokens", type=int, default=1500, help="of a reply; weak models run in circles")
    parser.add_argument("--out", type=Path, default=Path("questions.jsonl"), help="where the questions are saved")
    args = parser.parse_args()
    folder = Path(os.environ.get("LONGHOP_SHARED") or Path(__file__).parents[2] / "shared") / "corpus" / "labels"
    if not folder.is_dir():
        print(f"{folder} is no folder; set LONGHOP_SHARED to the folder that holds corpus/labels", file=sys.stderr)
        return 2
    contexts = _contexts(folder, args.count)
    model = args.model or _first_model(args.url)
    settings = {"temperature": 0.7, "max_tokens": args.max_tokens}
    config = EngineConfig(kind="openai", model=model, urls=[args.url], sampling=settings, concurrency=args.concurrency)
    count = load_tokenizer("words").count
    engine = OpenAIEngine("writer", config, load_prompts(), count, counts_words=True, urls=[args.url])
    inference = Inference(engine, concurrency=args.concurrency)
    questions = QuestionsConfig(
        per_context=1, steps=args.steps, kinds=dict.fromkeys(args.kinds.split(","), 1.0), scope="passages"
    )
    looks_alone = ChecksConfig(closed_book=0, single_document=False, answerable=False)
    begun = time.monotonic()
    rows = list(write_questions(contexts, questions, looks_alone, inference, inference, count, seed=7))
    _save(args.out, rows, contexts)
    _report(rows, len(contexts), time.monotonic() - begun)
    return 0


def _first_model(url: str) -> str:
    with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=30) as reply:  # noqa: S310 - the address is the user's
        return str(json.load(reply)["data"][0]["id"])


def _contexts(folder: Path, most: int) -> list[Context]:
    """Contexts of the supporting paragraphs of one labelled question each, of the two sets in turn."""
    musique = (_musique(row) for row in _rows(folder / "musique_dev_100.jsonl"))
    hotpot = (_hotpot(row) for row in _rows(folder / "hotpotqa_dev_100.jsonl"))
    pairs = [
        pair for both in zip(musique, hotpot, strict=False) for pair in both if len({title for title, _ in pair}) > 1
    ]
    return [_context(pair[:2]) for pair in pairs[:most]]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _musique(row: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["title"], one["paragraph_text"]) for one in row["paragraphs"] if one["is_supporting"]]


def _hotpot(row: dict[str, Any]) -> list[tuple[str, str]]:
    supporting = {title for title, _ in row["supporting_facts"]}
    return [(title, "".join(sentences)) for title, sentences in row["context"] if title in supporting]


def _context(pair: list[tuple[str, str]]) -> Context:
    text, documents = "", []
    for title, body in pair:
        start = len(text) + len(document_header(title, "article"))
        text += render_document(title, "article", body)
        documents.append(
            ContextDocument(
                document_id=make_id(title, body),
                kind="article",
                title=title,
                source=title,
                license=None,
                start=start,
                end=start + len(body),
                n_tokens=len(body.split()),
            )
        )
    n_tokens = len(text.split())
    return Context(
        context_id=make_id(text),
        split="train",
        target_tokens=n_tokens,
        n_tokens=n_tokens,
        text=text,
        documents=documents,
    )


def _report(rows: list[Question | Rejection], contexts: int, seconds: float) -> None:
    written = [row for row in rows if isinstance(row, Question)]
    unread = Counter(row.reason for row in rows if isinstance(row, Rejection) and row.reason in _UNREAD)
    quotes = Counter(
        "exact" if quote.score == 1 else "nearly" if quote.score >= _FOUND else "absent"
        for question in written
        for quote in question.evidence
    )
    typography = sum(quote.score == NEARLY for question in written for quote in question.evidence)
    two = sum(
        len({quote.document_id for quote in question.evidence if quote.score >= _FOUND}) > 1 for question in written
    )
    fell = Counter(question.rejected_by for question in written if question.rejected_by)
    print(f"contexts                      {contexts}, {seconds:.0f} s")
    print(f"questions read                {len(written)} ({', '.join(f'{n} {r}' for r, n in unread.items()) or 'all'})")
    print(
        f"quotes                        {', '.join(f'{quotes[name]} {name}' for name in ('exact', 'nearly', 'absent'))}"
    )
    print(f"  nearly by typography alone  {typography}")
    print(f"questions with quotes in two  {two}")
    print(f"kept by the checks that look  {sum(question.accepted for question in written)}")
    for name, number in fell.most_common():
        print(f"  fell by {name:<19} {number}")


def _save(path: Path, rows: list[Question | Rejection], contexts: list[Context]) -> None:
    texts = {context.context_id: context.text for context in contexts}
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            if isinstance(row, Question):
                said = {
                    "question": row.question,
                    "answer": row.reference_answer,
                    "kind": row.kind,
                    "steps": [[step.question, step.answer, step.uses] for step in row.steps],
                    "quotes": [[quote.document_id, quote.quote, quote.score] for quote in row.evidence],
                    "rejected_by": row.rejected_by,
                    "detail": next((check.detail for check in row.checks if not check.passed), ""),
                    "documents": texts[row.context_id],
                }
            else:
                said = {"rejected": row.item_id, "reason": row.reason, "detail": row.detail}
            file.write(json.dumps(said, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
