"""A first recipe for somebody who has none: commented, and good to build as it is.

    >>> write(Path("recipe.yaml"), [])
    [PosixPath('recipe.yaml'), PosixPath('longhop-start/harbour.md'), …]

With folders of the user's own, the recipe points at those. Without, a few short texts are written beside it, so that
`longhop init && longhop build recipe.yaml` shows what happens in an empty folder too.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import yaml

from longhop.errors import StorageError

__all__ = ["write"]

_KINDS = {
    **dict.fromkeys((".py", ".js", ".ts", ".go", ".rs", ".c", ".cpp", ".java", ".jl"), "code"),
    **dict.fromkeys((".pdf", ".tex"), "paper"),
    **dict.fromkeys((".txt", ".md", ".epub", ".html", ".htm"), "book"),
}
"""What files with these endings are taken for; the recipe says it, so that who knows better changes it."""

_RECIPE = """\
# A recipe of longhop. `longhop check {path}` validates it, `longhop build {path}` builds it into runs/{name}.
name: {name}
seed: 7
tokenizer: words                  # counts words and signs; for a model: a tokenizer.json, or a Hub id

# Where documents come from: folders, single files, .jsonl or .parquet tables (with text: and title: columns), or
# datasets of the Hub ({{kind: book, dataset: owner/name, split: train, text: text}}). Paths are relative to this file.
# Any word may be a kind; `code` is read as code, with unit: repository or unit: file. `license: CC0-1.0` says what
# the documents of a source are under, where they do not: `longhop push` uploads nothing whose licence is not known.
sources:
{sources}

documents:
  min_tokens: {least}                 # shorter ones are left out
  near_duplicate: 0.8             # share of the shorter in the longer from which two documents count as the same
  splits: {{train: 1.0, validation: 0.0, test: 0.0}}

contexts:
  lengths: {lengths}          # tokens: how many contexts; 8k, 128k, 1m are numbers, too
  reuse: 4                        # in how many contexts a document may stand
  group: related                  # or random, or kind
  allow_fewer: true               # take what the documents can fill; false: that is an error

questions: {{engine: writer, per_context: 4, scope: context, kinds: {{bridge: 2, comparison: 1, calculation: 1}}}}
checks:
  engine: reader
  closed_book: 3
  single_document: true
  answerable: true
  bridge_masked: false            # true with a model: what the embedded engine writes seldom passes it
traces: {{engine: reader, samples: 8}}        # reasoning: prompted, for models that do not reason by themselves
scoring: {{judge: judge, ask: when_no_exact_match}}
selection: {{rule: majority, must_match_reference: true, ties: drop, min_evidence: 0.9}}

# The embedded engine needs no model. It serves to try the pipeline; its data is not meant for training. For your own
# model change the first line, the others repeat it: writer: &model {{kind: openai, model: org/name,
#   urls: ["http://localhost:8000/v1"]}}, or {{kind: vllm, model: org/name}}, which longhop starts itself.
engines:
  writer: &model {{kind: lexical}}
  reader: *model
  judge: *model

dataset: {{license: other}}
"""

_START = {
    "pilots.md": """\
# The Pilots of Harrow

Edda Rowan steered the first mail boat through the Teeth by the smell of the kelp. She never told anybody how.
The council asked her twice and the bishop once.

Olaf Brand taught the harbour dogs to bark at low water. It took two winters and a barrel of herring.

Sunniva Hale drew her charts on the backs of hymn sheets. They are still sung from in the chapel at Skell.

When the light failed in the third week of January, the three of them sat in the boat house and drank what was left
of the tea, and each of them knew a way out, and none of them said so.

The boat house has two doors. One opens on the water, and the other on the lane, where the carts stand when it rains.

In summer nobody needs a pilot. Children row out to the Teeth on planks and come home with their pockets full of shells.

A stranger asked once why there is no lighthouse. He was told that there had been one, and that it was a great nuisance.
""",
    "ledger.md": """\
# The Ledger of the Boat House

The ledger was read aloud on the first Friday of the year, and everybody came because there was soup.

Edda Rowan paid 42 crowns for the new rope. Olaf Brand paid 17 crowns for the new rope. Sunniva Hale paid 65 crowns
for the new rope. Nobody clapped.

Edda Rowan slept 9 nights in the loft. Olaf Brand slept 31 nights in the loft. Sunniva Hale slept 4 nights in the
loft. The stove was paid for by all.

Whoever forgets to write something down washes the cups. This is the only rule of the house, and it is not written down.

There are pages on which nothing stands but the weather. They were left as they are, since weather was what there was.

The last line of the year is always the same: all boats are home, and the kettle is on.
""",
    "harbour.md": """\
# A Model of the Harbour at Harrow

We describe a small model of the water in the harbour. Three parameters carry it.

The parameter kelp_drag slows the ebb along the northern wall. The parameter moon_share sets how much of the tide
follows the moon. The parameter wind_lag delays the gusts that come over the hill.

The model was fitted to the notes of the pilots, which are short, and to those of the dogs, which are not.

We leave out the ferry. It follows no law of water that is known to us, and its captain would not be asked.

Where the model and the harbour differ, we were advised to believe the harbour. We followed this advice in the end.

Further work will have to explain why the ebb is late on market days, and whether the fishwives know.
""",
    "model.md": """\
# Values in Use

The harbour office keeps the values on a slate beside the door, and wipes it on Sundays.

The parameter kelp_drag was set to 0.31 in the spring. The parameter moon_share was set to 0.78 in the spring.
The parameter wind_lag was set to 12 in the spring. After the storm nobody changed them, because the chalk was wet.

The slate came from the old school. On its back there is half a multiplication, and a drawing of a teacher as a heron.

Visitors may read the slate, but not lean on it. A copy hangs in the inn, where it is used for the price of soup.

Whoever finds a mistake may keep the chalk until the next one is found.
""",
}


def write(path: Path, sources: list[Path]) -> list[Path]:
    """Write a recipe to `path`, and texts to start with beside it where no sources are given.

    Returns:
        The files that were written.

    Raises:
        StorageError: A file is there already, cannot be written, or a source is no folder.
    """
    if path.exists():
        raise StorageError(f"{path}: is there already; give another name, as in `longhop init other.yaml`")
    written = [path]
    for source in sources:
        if not source.exists():
            raise StorageError(f"{source}: no such file or folder; give a folder of books, papers or code")
    lines = [
        f"  - {_flow({'kind': _kind(part), 'path': str(part.absolute())})}"
        for source in sources
        for part in _of_one_kind(source)
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not sources:
            start = path.parent / "longhop-start"
            start.mkdir(exist_ok=True)
            for name, text in _START.items():
                file = start / name
                if not file.exists():
                    file.write_text(text, encoding="utf-8")
                    written.append(file)
            lines = [f"  - {{kind: book, path: {start.name}, license: CC0-1.0}}"]
        text = _RECIPE.format(
            path=path,
            name="".join(char if char.isalnum() or char in "._-" else "-" for char in path.stem).lstrip("._-")
            or "first",
            sources="\n".join(lines),
            least=200 if sources else 20,
            lengths="{8k: 10, 32k: 5}" if sources else "{300: 2, 500: 1}",
        )
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error}") from error
    return written


def _flow(mapping: dict[str, str]) -> str:
    """A mapping as YAML in one line, quoted where a path needs it."""
    return yaml.safe_dump(mapping, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf).strip()


def _of_one_kind(source: Path) -> list[Path]:
    """The source, or its folders where it holds little else and they are of several kinds: a source has one kind."""
    inside = sorted(path for path in source.iterdir() if not path.name.startswith(".")) if source.is_dir() else []
    beside = {path.stem.upper() for path in inside if not path.is_dir()}
    if beside - {"README", "LICENSE"} or (source / ".git").exists():
        return [source]
    known = [path for path in inside if path.is_dir() and _counts(path)]
    return known if len({_kind(path) for path in known}) > 1 else [source]


def _kind(source: Path) -> str:
    """What most files with a known ending are; `book` where there is none, or as many of another kind."""
    counts = _counts(source)
    return max(("book", "paper", "code"), key=lambda kind: counts[kind])


def _counts(source: Path) -> Counter[str]:
    """Files by what their endings are taken for."""
    files = source.rglob("*") if source.is_dir() else [source]
    return Counter(kind for file in files if (kind := _KINDS.get(file.suffix.lower())))
