"""The dataset folder: its configurations out of the tables of a run, part by part.

    dataset/data/default/train-00000-of-00002.parquet      examples, ready for supervised fine-tuning
    dataset/data/traces/train-00000-of-00001.parquet       every trace with its verdict
    dataset/data/questions/train-00000-of-00001.parquet    accepted and rejected, with their checks
    dataset/data/contexts/train-00000-of-00001.parquet     each text once

and, where the recipe names them, `preference` and `rl`.

    >>> written = write_tables(Path("dataset"), parts, prompts, chosen.question_ids)
    >>> written.rows["default"]
    {'train': 57}

One part is in memory at a time, and of what is joined one row group; examples and contexts are joined here and nowhere
before. A configuration or a split without rows has no file, since `datasets` takes a declared file without rows for an
error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

import msgspec

from longhop.prompting import Prompts
from longhop.publish.choice import Shortfall, choose_examples
from longhop.publish.formats import CONFIGURATIONS, Maker, PartTables, schema
from longhop.publish.shards import Shards
from longhop.recipe import DatasetConfig

__all__ = ["CONFIGURATIONS", "PartTables", "Written", "choose_examples", "schema", "write_tables"]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and what is missing of it."""

    rows: dict[str, dict[str, int]]
    """Rows by configuration and split."""
    missing: tuple[int, ...] = ()
    """Numbers of the run's parts that are not in it, since they were not finished."""
    parts: int = 1
    """Parts of the run, the missing ones among them."""
    shortfall: Shortfall | None = None
    """What is missing of the examples that were asked for."""


def write_tables(
    target: Path,
    parts: Iterable[PartTables],
    prompts: Prompts,
    chosen: frozenset[str],
    config: DatasetConfig | None = None,
    name: str = "dataset",
) -> Written:
    """Write `target`/data.

    Args:
        target: The dataset folder, local.
        parts: Tables of each part, in order.
        prompts: Renders the messages.
        chosen: Ids of the questions whose examples are published.
        config: Which configurations, and how conversations are written; the defaults where None.
        name: Of the dataset.
    """
    config = config or DatasetConfig()
    maker = Maker(name, config, prompts, chosen)
    rows: dict[str, Counter[str]] = {configuration: Counter() for configuration in maker.configurations}
    with ExitStack() as stack:
        shards: dict[tuple[str, str], Shards] = {}
        for part in parts:
            for configuration in maker.configurations:
                for split, table in maker.rows(configuration, part):
                    key = (configuration, split)
                    if key not in shards:
                        own = Shards(target / "data" / configuration, split, schema(configuration, config))
                        shards[key] = stack.enter_context(own)
                    shards[key].write(table)
                    rows[configuration][split] += table.num_rows
    return Written(rows={configuration: dict(sorted(counts.items())) for configuration, counts in rows.items()})
