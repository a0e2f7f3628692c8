"""A small corpus for the tests: persons described in some documents and spoken of in others."""

from pathlib import Path

import yaml

NAMES = [
    "Edda Rowan",
    "Olaf Brand",
    "Sunniva Hale",
    "Tormod Grieve",
    "Ingrid Pell",
    "Halvard Stone",
    "Maren Quist",
    "Birger Lunde",
]
DEEDS = [
    "steered the first mail boat through the reef by the smell of kelp",
    "taught the harbour dogs to bark at low water",
    "drew sailing charts on the backs of hymn sheets",
    "kept a lighthouse lamp burning with goose fat",
    "mended the cathedral clock with a herring bone",
    "counted every seal between the two capes",
    "carried a printing press over the glacier",
    "sold umbrellas in a town without rain",
    "won a cow in a game of draughts against the bishop",
    "built a staircase that leads into a well",
    "invented a whistle which only bakers hear",
    "walked to the capital to return a borrowed spoon",
    "painted the school green during one single night",
    "wrote a grammar of the language of geese",
    "dug a canal between two puddles of equal size",
    "married the same admiral on three different islands",
]
FACTS = [
    ("paid {} crowns for the new rope", 40),
    ("slept {} nights in the loft", 3),
    ("planted {} trees behind the mill", 100),
    ("owned {} brass lamps", 11),
]
FILLER = "Nothing else was written down that week, since everybody was asleep or away at the market in the valley."


def write_corpus(folder: Path, documents: int = 8) -> Path:
    """Documents with even numbers describe four persons each, those with odd numbers tell of them."""
    (folder / "books").mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        half, round_ = number // 2 % 2, number // 4 % 2
        lines = [f"# Chapter {number} of the harbour book", ""]
        for place in range(4 * half, 4 * half + 4):
            pattern, base = FACTS[number // 2 % len(FACTS)]
            said = f"{pattern.format(base + 7 * place + number)}" if number % 2 else DEEDS[8 * round_ + place]
            lines += [f"{NAMES[place]} {said}. {FILLER}", ""]
        lines += [f"{FILLER} It was day {number * 31 + day} of that year." + "\n" for day in range(3)]
        (folder / "books" / f"chapter_{number:02}.md").write_text("\n".join(lines), encoding="utf-8")
    return folder


def write_recipe(folder: Path, **changes: object) -> Path:
    """A recipe on that corpus; keys of `changes` replace whole sections."""
    recipe = {
        "name": "small",
        "seed": 5,
        "sources": [{"kind": "book", "path": "books", "license": "CC0-1.0"}],
        "documents": {"min_tokens": 20, "near_duplicate": None},
        "contexts": {"lengths": {"500": 3, "800": 2}, "reuse": 4, "part_size": 2},
        "questions": {"scope": "context", "per_context": 3, "kinds": {"bridge": 2, "comparison": 1}},
        "checks": {"bridge_masked": False},  # as in the sample recipe: too much for the embedded engine
        "traces": {"samples": 4},
        "engines": {role: {"kind": "lexical"} for role in ("writer", "reader", "judge")},
        "dataset": {"license": "cc0-1.0"},
        **changes,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe), encoding="utf-8")
    return path
