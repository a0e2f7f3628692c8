"""A run's folder after anything: built, killed, grown, changed, damaged, built again, it holds what it must.

    LONGHOP_FUZZ=300 .venv/bin/pytest tests/property/test_runs.py --timeout 0      # for long: so many histories

What must be there is what a build of the same history that nothing happened to has (`tests/run_model.py`). What was
damaged may stop a build with an error that names the file and says what to do; whoever does it and builds again has
the right tables.
"""

import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from longhop.errors import LonghopError
from longhop.folders import is_gone
from longhop.storage import RunFolder
from tests.run_model import (
    LEAST_DOCUMENTS,
    Clean,
    History,
    Home,
    Killer,
    Listed,
    Planned,
    State,
    Wanted,
    differences,
    listed,
    planned,
    state_of,
    told,
    watch,
)

LONG = int(os.environ.get("LONGHOP_FUZZ", "0"))
SETTINGS = settings(
    max_examples=LONG or 12,
    stateful_step_count=20 if LONG else 8,
    deadline=None,
    derandomize=not LONG,
    phases=[Phase.reuse, Phase.generate, Phase.shrink] if LONG else [Phase.generate],  # shrinking takes minutes
    suppress_health_check=list(HealthCheck),
)
LENGTHS = [((400, 1),), ((400, 2),), ((500, 1),), ((400, 2), (500, 1)), ((400, 3), (500, 2))]
CHANGES: list[dict[str, Any]] = [
    {"ask": "never"},
    {"ask": "when_no_exact_match"},
    {"ties": "shortest"},
    {"ties": "drop"},
    {"samples": 3},
    {"samples": 2},
]
MOST_DOCUMENTS = LEAST_DOCUMENTS + 4
DAMAGES = ["cut", "empty", "delete", "garbage", "null", "{}"]
STORE = ".work/completions.sqlite"


class World:
    """What all histories of a test share."""

    def __init__(self, folder: Path, killer: Killer, log: Path) -> None:
        self.folder = folder
        self.killer = killer
        self.log = log
        self.count = 0
        self._clean = Clean(folder / "clean")

    def home(self) -> Home:
        self.count += 1
        return Home(self.folder / f"home-{self.count}")

    def expected(self, history: History, wanted: Wanted) -> State:
        """What a build has that nothing happened to; what that one asks is not told."""
        state = self._clean.state(history, wanted)
        self.log.unlink(missing_ok=True)
        return state

    def said(self) -> tuple[set[tuple[str, int]], set[tuple[str, int]]]:
        """Samples that were asked for, and stored, since the last time."""
        lines = list(told(self.log))
        self.log.unlink(missing_ok=True)
        return {sample for what, sample in lines if what == "asked"}, {s for what, s in lines if what == "stored"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("LONGHOP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LONGHOP_WORK", raising=False)
    log = tmp_path / "log"
    watch(log, monkeypatch.setattr)
    with Killer(tmp_path / "cache") as killer:
        yield World(tmp_path, killer, log)


class Runs(RuleBasedStateMachine):
    """One run folder, and the model beside it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.home = world.home()
        self.wanted = Wanted()
        self.history: History = ()
        self.stored: set[tuple[str, int]] = set()
        self.damaged: dict[str, bytes | None] = {}
        """What stands in the files that were damaged, or that nothing does."""
        self.just_planned = False
        """Whether a build has planned contexts and was ended before it made any."""
        world.log.unlink(missing_ok=True)

    # What users do, and what happens to them

    @rule(lengths=st.sampled_from(LENGTHS))
    def ask_for_contexts(self, lengths: tuple[tuple[int, int], ...]) -> None:
        """More of a length, a new length, or fewer, which takes nothing away."""
        self.wanted = dataclasses.replace(self.wanted, lengths=lengths)

    @precondition(lambda self: self.home.documents < MOST_DOCUMENTS)
    @rule()
    def add_a_document(self) -> None:
        """To the source; a build that does not refresh does not see it."""
        self.home.write(self.home.documents + 1)

    @rule(change=st.sampled_from(CHANGES))
    def change_a_setting(self, change: dict[str, Any]) -> None:
        """One of later stages, there or back again."""
        self.wanted = dataclasses.replace(self.wanted, **change)

    @rule(refresh=st.booleans())
    def build(self, refresh: bool) -> None:
        """To the end, whatever has to be done for that."""
        self.build_to_the_end(refresh)

    @rule(at=st.integers(0, 40) | st.integers(0, 400), refresh=st.booleans())
    def kill(self, at: int, refresh: bool) -> None:
        """A build is killed at a moment; or it is done before, or stopped by what was damaged."""
        end = self.world.killer.build(self.home, self.wanted, self.world.log, at, refresh=refresh)
        note(f"  {end}")
        self.observe(refresh)
        if end not in {"killed", "built"}:
            self.named_in(end)
        self.all_files_are_whole()
        assert RunFolder(str(self.home.out)).running() == []

    @precondition(lambda self: self.files())
    @rule(data=st.data(), damage=st.sampled_from(DAMAGES))
    def damage(self, data: st.DataObject, damage: str) -> None:
        """A file of the run is cut, emptied, deleted or overwritten."""
        name = data.draw(st.sampled_from(self.in_one_place(data)), label="file")
        before = (self.home.out / name).read_bytes()
        after = {
            "cut": before[: len(before) // 2],
            "empty": b"",
            "delete": None,
            "garbage": b"\x07garbage" * (1 + len(before) // 8),
        }
        self.put(name, after.get(damage, damage.encode()))

    @precondition(lambda self: self.files())
    @rule(data=st.data())
    def delete_a_folder(self, data: st.DataObject) -> None:
        """All files of one place of the run are deleted."""
        for name in self.in_one_place(data):
            self.put(name, None)

    def in_one_place(self, data: st.DataObject) -> list[str]:
        """Files of a stage, of what is published, of the work folder, or run.json alone: each is as likely."""
        places = [name.partition("/")[0] for name in self.files()]
        place = data.draw(st.sampled_from(sorted(set(places))), label="place")
        return [name for name, its in zip(self.files(), places, strict=True) if its == place]

    def put(self, name: str, content: bytes | None) -> None:
        if content is None:
            (self.home.out / name).unlink(missing_ok=True)
        else:
            (self.home.out / name).write_bytes(content)
        self.damaged[name] = content
        if name.startswith(STORE):
            self.stored.clear()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:  # not on the way out
                self.build_to_the_end(refresh=False)
        finally:
            shutil.rmtree(self.home.folder)

    # What must be

    def build_to_the_end(self, refresh: bool) -> None:
        for _ in range(2 + 2 * len(self.damaged)):
            try:
                self.home.build(self.wanted, refresh=refresh)
                self.observe(refresh)
                state = state_of(self.home.out)
            except LonghopError as error:
                self.observe(refresh)
                note(f"  {error}")
                self.follow(str(error))
                continue
            expected = self.history
            assert expected == planned(listed(expected, self.home.documents, refresh=refresh), self.wanted)
            wrong = differences(state, self.world.expected(self.history, self.wanted))
            assert wrong == [], wrong
            self.all_files_are_whole()
            self.nothing_is_left_over()
            self.damaged = self.still_damaged()
            self.just_planned = False
            return
        pytest.fail("what the errors say to do does not help")

    def observe(self, refresh: bool) -> None:
        """Put into the model what a build did before it ended, which is a beginning of what it was to do."""
        self.count_what_was_asked()
        if "run.json" in self.still_damaged() or not (self.home.out / "run.json").exists():
            return
        if "run.json" in self.damaged:  # and was begun anew
            self.begin_anew()
        growth = len(json.loads((self.home.out / "run.json").read_bytes())["growth"])
        grown = listed(self.history, self.home.documents, refresh=refresh)
        assert growth in {count(self.history, Listed), count(grown, Listed)}
        if growth == count(grown, Listed):
            self.history = grown
        step = count(self.history, Planned)
        if list((self.home.out / "context_plan").glob(f"*/part-{step:05}.parquet")):
            assert planned(self.history, self.wanted) != self.history
            self.history = planned(self.history, self.wanted)
            self.just_planned = True

    def begin_anew(self) -> None:
        self.history = ()
        self.damaged.pop("run.json", None)

    def count_what_was_asked(self) -> None:
        """No sample that was stored before a build is asked for in it."""
        asked, stored = self.world.said()
        assert asked & self.stored == set()
        self.stored |= stored

    def all_files_are_whole(self) -> None:
        """Whatever may happen, what exists is complete, but for what was damaged."""
        damaged = self.still_damaged()
        names = {name for name in self.files() if re.fullmatch(r"(?!dataset/)\w+/\w+/.*\.(parquet|json)", name)}
        for name in names - damaged.keys():
            if name.endswith(".json"):
                json.loads((self.home.out / name).read_bytes())
            else:
                pq.read_metadata(self.home.out / name)
        for name in names:
            if found := re.fullmatch(r"(\w+/\w+)/part-(\d+)\.parquet", name):
                folder, number = found.groups()
                beside = {f"{folder}/rejections-{number}.parquet", f"{folder}/part-{number}.json"}
                assert beside <= names | damaged.keys(), name

    def nothing_is_left_over(self) -> None:
        """No temporary file of a process that is gone lies beside a part that was finished after it.

        One of a part that nobody asks for any more waits until somebody does.
        """
        for path in self.home.out.glob("*/*/.*.tmp"):
            found = re.fullmatch(r"\.\w+-(\d+)\.\w+\.(.+)\.tmp", path.name)
            assert found is not None, path
            assert not (is_gone(found[2]) and (path.parent / f"part-{found[1]}.parquet").exists()), path

    # What is damaged

    def files(self) -> list[str]:
        """Files of the run whose names are the same every time, so that one can be chosen.

        Without a plan that nothing follows from yet: it binds nobody any more if it is deleted.
        """
        if not self.home.out.exists():
            return []
        paths = [path.relative_to(self.home.out) for path in self.home.out.rglob("*") if path.is_file()]
        return sorted(
            str(path)
            for path in paths
            if path.suffix != ".lock"
            and not any(part.endswith(".tmp") for part in path.parts)
            and path.parts[0] != "listing"  # called by hashes, which paths of this machine are in
            and not (self.just_planned and path.parts[0] == "context_plan")
        )

    def still_damaged(self) -> dict[str, bytes | None]:
        return {name: now for name, now in self.damaged.items() if self.content(name) == now}

    def content(self, name: str) -> bytes | None:
        path = self.home.out / name
        return path.read_bytes() if path.exists() else None

    def named_in(self, message: str) -> str:
        """The damaged file that an error names."""
        for name in sorted(self.still_damaged(), key=len, reverse=True):
            if str(self.home.out / name) in message:
                return name
        raise AssertionError(f"names none of {sorted(self.still_damaged())}: {message}")

    def follow(self, message: str) -> None:
        """Do what an error says, to the letter."""
        name, out = self.named_in(message), self.home.out
        if message.endswith("delete it and build again"):
            self.put(name, None)
        elif found := re.search(r"; delete (\S+/part-\d+\.parquet) and build again", message):
            self.put(found[1], None)
        elif found := re.search(r"or delete ((?:\w+/(?:, | and ))+)run\.json, and build again", message):
            for stage in re.findall(r"(\w+)/", found[1]):
                shutil.rmtree(out / stage, ignore_errors=True)
            (out / "run.json").unlink(missing_ok=True)
            self.begin_anew()
        elif "; move it away and build again" in message:
            (out / name).rename(out / f"{name}.away")
            self.stored.clear()
        elif message.endswith("; build into another folder"):
            self.home.out = out.with_name(f"{out.name}-again")
            self.history, self.damaged = (), {}
            self.stored.clear()
        else:
            assert message.endswith("; build again to make it"), message


def count(history: History, kind: type) -> int:
    return sum(isinstance(event, kind) for event in history)


@pytest.mark.timeout(0 if LONG else 120)
def test_a_run_holds_what_it_must_whatever_happened_to_it(world: World) -> None:
    """Any sequence of builds, kills, growth, changes and damage ends in the tables of a build without them."""
    run_state_machine_as_test(partial(Runs, world), settings=SETTINGS)  # type: ignore[arg-type] # it may be a factory


def test_a_build_that_is_killed_again_and_again_ends_in_the_same_tables(world: World) -> None:
    """Kill -9 at many moments, one after the other, in one folder; each goes on from the one before."""
    home, wanted = world.home(), Wanted(lengths=((400, 2), (500, 1)))
    stored: set[tuple[str, int]] = set()
    ends = []
    for at in range(5, 400, 17):
        ends.append(world.killer.build(home, wanted, world.log, at))
        asked, new = world.said()
        assert asked & stored == set()
        stored |= new
        if ends[-1] == "built":
            break
    assert ends[-1] == "built"
    assert len(ends) > 5
    history = planned(listed((), home.documents, refresh=False), wanted)
    assert differences(state_of(home.out), world.expected(history, wanted)) == []
