"""The tables of a run as a report reads them: part by part, some columns, some rows.

    >>> tables = ReportTables(run)
    >>> tables.rows("questions", 0, ["question_id", "kind"])
    [{'question_id': '4f1c2a9be0d37756', 'kind': 'bridge'}, …]

Which parts there are is asked once, so that a report that is written while parts are still built speaks of one state.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pyarrow as pa

from longhop.fingerprints import STAGES
from longhop.publish.formats import PartTables
from longhop.records import Verdict, from_table
from longhop.run_tables import RunTables

__all__ = ["ReportTables"]

Row = dict[str, Any]
_BATCH = 16  # rows that are Python objects at a time: texts of contexts are long


class ReportTables:
    """The finished parts of a run, as they are when this is made."""

    def __init__(self, run: RunTables, parts: Collection[int] | None = None) -> None:
        """Look at a run.

        Args:
            run: The run.
            parts: Numbers of those that a dataset is made of; all that are finished where None.
        """
        self.run = run
        self.states = run.states()
        self._built = {
            stage: [
                part for part in run.built(stage) if parts is None or part in parts or stage not in PartTables._fields
            ]
            for stage in STAGES
        }

    def parts(self, stage: str) -> list[int]:
        """Numbers of the parts that a stage has finished."""
        return self._built[stage]

    def table(self, stage: str, part: int, columns: Sequence[str] | None = None) -> pa.Table | None:
        """Some columns of a part, those of them that its table has; None where the part is not built."""
        if part not in self._built[stage]:
            return None
        return self.run.folder.read_table(self.run.part_name(stage, part), columns)

    def rows(self, stage: str, part: int, columns: Sequence[str]) -> list[Row]:
        """The same as rows; none where the part is not built."""
        table = self.table(stage, part, columns)
        found: list[Row] = [] if table is None else table.to_pylist()
        return found

    def verdicts(self, part: int) -> list[Verdict]:
        """Verdicts of a part; none where it is not built."""
        table = self.table("verdicts", part)
        return [] if table is None else from_table(table, Verdict)

    def matching(
        self, stage: str, part: int, key: str, wanted: Collection[str], columns: Sequence[str]
    ) -> Iterator[Row]:
        """Rows whose `key` is one of `wanted`; texts of other row groups are not read."""
        if part in self._built[stage] and wanted:
            for table in self.run.folder.read_matching(self.run.part_name(stage, part), key, wanted, columns):
                for batch in table.to_batches(max_chunksize=_BATCH):
                    yield from batch.to_pylist()
                del table
                pa.default_memory_pool().release_unused()  # Arrow keeps what it had, and groups of texts add up

    def rejected(self, stage: str, part: int) -> dict[str, tuple[str, str]]:
        """Reason and detail of each rejection of a part, by the id of what was rejected."""
        if part not in self._built[stage]:
            return {}
        return {row.item_id: (row.reason, row.detail) for row in self.run.rejections_of(stage, part)}
