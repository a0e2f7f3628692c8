"""The dispatcher: which request goes to which server when, and when nobody can be asked any more."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from longhop.engines import dispatch, ledger
from longhop.engines.dispatch import Dispatcher
from longhop.engines.ledger import Ledger
from longhop.errors import EngineError, StorageError
from tests.replying import in_loop

ONE, TWO = "http://one/v1", "http://two/v1"
LONG = 10_000


def dispatcher(*targets: str, concurrency: int = 8, path: Path | None = None) -> Dispatcher:
    return Dispatcher(targets or (ONE,), concurrency, Ledger(path, "engine"))


class Holding:
    """Requests that hold a slot until they are told to end."""

    def __init__(self, made: Dispatcher) -> None:
        self._made = made
        self.at: dict[str, str] = {}
        """Name of the request: where it went."""
        self._begun: dict[str, asyncio.Event] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def ask(self, name: str, affinity: str = "", tokens: int = 10) -> None:
        self._begun[name], self._ends[name] = asyncio.Event(), asyncio.Event()
        self._tasks[name] = asyncio.create_task(self._hold(name, affinity, tokens))

    async def _hold(self, name: str, affinity: str, tokens: int) -> None:
        async with self._made.slot(affinity, tokens) as target:
            self.at[name] = target
            self._begun[name].set()
            await self._ends[name].wait()

    async def went(self, name: str, *, within: float = 2.0) -> str | None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._begun[name].wait(), within)
        return self.at.get(name)

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
        await asyncio.gather(*(self._tasks[name] for name in names))

    def cancel(self, name: str) -> asyncio.Task[None]:
        self._tasks[name].cancel()
        return self._tasks[name]

    async def end_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@asynccontextmanager
async def holding(made: Dispatcher) -> Any:
    requests = Holding(made)
    try:
        yield requests
    finally:
        await requests.end_all()


def in_flight(made: Dispatcher) -> int:
    with made._ledger.open() as state:
        return len(state.slots)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    passed = 0.0

    def pass_(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    real = time.monotonic
    for module in (dispatch, ledger):
        monkeypatch.setattr(module, "now", lambda: real() + passed)
    return pass_


# Where requests go


@in_loop
async def test_a_context_goes_where_the_fewest_tokens_are_in_flight() -> None:
    """By tokens, not by requests: two short contexts weigh less than one long one."""
    async with holding(dispatcher(ONE, TWO)) as requests:
        for name, tokens in (("a", 100_000), ("b", 10_000), ("c", 10_000), ("d", 10_000)):
            requests.ask(name, name, tokens)
            await requests.went(name)
    assert requests.at == {"a": ONE, "b": TWO, "c": TWO, "d": TWO}


@in_loop
async def test_the_requests_of_a_context_follow_it_and_count_once() -> None:
    """Its prompt is cached there; a server with four questions on one context has no more to read than with one."""
    async with holding(dispatcher(ONE, TWO)) as requests:
        for number in range(4):
            requests.ask(f"a{number}", "a", 50_000)
        requests.ask("b", "b", 60_000)
        requests.ask("c", "c", 10)
        assert await requests.went("c") == ONE
    assert {requests.at[f"a{number}"] for number in range(4)} == {ONE}
    assert requests.at["b"] == TWO


@in_loop
async def test_a_context_is_found_again_when_nothing_of_it_is_in_flight() -> None:
    """By the next stage, though another server has less to do."""
    async with holding(dispatcher(ONE, TWO)) as requests:
        requests.ask("a", "a", LONG)
        await requests.went("a")
        requests.ask("b", "b", LONG)
        await requests.went("b")
        await requests.end("a", "b")
        requests.ask("b again", "b", LONG)
        assert await requests.went("b again") == TWO


@in_loop
async def test_short_prompts_and_those_without_a_context_go_anywhere() -> None:
    """What is not worth a place in a cache goes where the least is; no affinity is not one that all share."""
    async with holding(dispatcher(ONE, TWO)) as requests:
        for number in range(4):
            requests.ask(f"{number}", "same", 10)
            await requests.went(f"{number}")
        for number in range(4):
            requests.ask(f"long {number}", "", LONG)
            await requests.went(f"long {number}")
    assert sorted(requests.at.values()) == [ONE] * 4 + [TWO] * 4


@in_loop
async def test_a_server_is_sent_no_more_contexts_than_its_cache_holds() -> None:
    """The third waits, its own further requests do not, and short ones pass it."""
    made = dispatcher()
    made.capacity = {ONE: 25_000}
    async with holding(made) as requests:
        for name in "abc":
            requests.ask(name, name, LONG)
        requests.ask("a again", "a", LONG)
        requests.ask("short", "", 10)
        assert await requests.went("short") == ONE
        assert sorted(requests.at) == ["a", "a again", "b", "short"]
        await requests.end("b")
        assert await requests.went("c") == ONE


@in_loop
async def test_a_context_larger_than_the_cache_goes_alone() -> None:
    """It is computed once a request, which is better than never."""
    made = dispatcher()
    made.capacity = {ONE: 5_000}
    async with holding(made) as requests:
        requests.ask("a", "a", LONG)
        assert await requests.went("a") == ONE


@in_loop
async def test_the_concurrency_is_kept_and_slots_go_in_order() -> None:
    """Who has waited longest goes first."""
    async with holding(dispatcher(concurrency=2)) as requests:
        for name in "abcd":
            requests.ask(name)
        await requests.went("b")
        assert await requests.went("c", within=0.05) is None
        await requests.end("a")
        assert await requests.went("c") == ONE
        assert "d" not in requests.at


# Slots are never lost


@in_loop
async def test_who_is_cancelled_while_he_waits_holds_nothing() -> None:
    """Neither a slot nor a place in the line."""
    made = dispatcher(concurrency=1)
    async with holding(made) as requests:
        requests.ask("a")
        await requests.went("a")
        requests.ask("b")
        requests.ask("c")
        await requests.went("b", within=0.02)
        requests.cancel("b")
        await requests.end("a")
        assert await requests.went("c") == ONE
        assert in_flight(made) == 1
        assert made._waiting == []


@in_loop
async def test_who_is_cancelled_when_he_was_given_a_slot_gives_it_back() -> None:
    """He did not know of it yet."""
    made = dispatcher(concurrency=1)
    async with holding(made) as requests:
        requests.ask("a")
        await requests.went("a")
        requests.ask("b")
        await asyncio.sleep(0.01)
        waiting = made._waiting[0]
        waiting.slot.add_done_callback(lambda _: requests.cancel("b"))
        await requests.end("a")
        await asyncio.sleep(0.01)
        assert waiting.slot.done()
        assert not waiting.slot.cancelled()
        assert in_flight(made) == 0
        requests.ask("c")
        assert await requests.went("c") == ONE


@in_loop
async def test_who_is_cancelled_within_gives_the_slot_back() -> None:
    """As when the stage ends while a request is under way."""
    made = dispatcher()
    async with holding(made) as requests:
        requests.ask("a")
        await requests.went("a")
        await asyncio.gather(requests.cancel("a"), return_exceptions=True)
        assert in_flight(made) == 0


@in_loop
async def test_a_ledger_that_breaks_loses_no_answer_and_holds_nobody_up(tmp_path: Path) -> None:
    """Who has his answer keeps it; who waits is told, and what was to be given back is given back later."""
    made = dispatcher(concurrency=1, path=tmp_path / "ledger.sqlite")
    async with made.slot("", 10):
        waits = asyncio.create_task(made.slot("", 10).__aenter__())
        await asyncio.sleep(0.02)
        made._ledger._database.execute("ALTER TABLE slots RENAME TO away")
        made.answered(ONE)
    with pytest.raises(StorageError):
        await waits
    with pytest.raises(StorageError):
        await made.slot("", 10).__aenter__()
    assert made._waiting == []
    made._ledger._database.execute("ALTER TABLE away RENAME TO slots")
    async with made.slot("", 10):
        assert in_flight(made) == 1


@in_loop
async def test_slots_of_other_processes_are_seen_when_they_are_given_back(tmp_path: Path) -> None:
    """Soon, and by a look that takes no lock."""
    mine = dispatcher(concurrency=1, path=tmp_path / "ledger.sqlite")
    other = dispatcher(concurrency=1, path=tmp_path / "ledger.sqlite")
    async with holding(mine) as requests:
        async with other.slot("", 10):
            requests.ask("a")
            assert await requests.went("a", within=0.1) is None
            opened = 0
            real = mine._ledger.open

            def counted() -> Any:
                nonlocal opened
                opened += 1
                return real()

            mine._ledger.open = counted  # type: ignore[method-assign]
            await asyncio.sleep(0.2)
            assert opened <= 1
            gone = time.monotonic()
        assert await requests.went("a") == ONE
        assert time.monotonic() - gone < 0.2
    mine._ledger.close()
    other._ledger.close()


@in_loop
async def test_while_another_process_waits_for_room_each_has_its_share(tmp_path: Path) -> None:
    """Who has all slots takes no more before the other has half of them; what the other does not want is not kept."""
    made = dispatcher(concurrency=4, path=tmp_path / "ledger.sqlite")
    other = (os.getppid(), ledger._state_and_birth(os.getppid())[1])
    waiting = "SELECT pid FROM waiting"
    async with holding(made) as requests:
        for name in "abcdef":
            requests.ask(name)
        await requests.went("d")
        assert made._ledger._database.execute(waiting).fetchall() == [(os.getpid(),)]
        made._ledger._database.execute("INSERT INTO waiting VALUES ('engine', ?, ?)", other)
        await requests.end("a", "b")
        assert await requests.went("e", within=0.1) is None
        await requests.end("c")
        assert await requests.went("e") == ONE
        assert await requests.went("f", within=0.1) is None
        made._ledger._database.execute("DELETE FROM waiting WHERE pid = ?", other[:1])
        assert await requests.went("f") == ONE
        assert made._ledger._database.execute(waiting).fetchall() == []
    made._ledger.close()


@in_loop
async def test_who_waits_for_a_server_waits_for_no_room(tmp_path: Path) -> None:
    """Slots that he could not use are not kept for him."""
    made = dispatcher(concurrency=4, path=tmp_path / "ledger.sqlite")
    made.capacity = {ONE: 15_000}
    async with holding(made) as requests:
        for name in "ab":
            requests.ask(name, name, LONG)
        await requests.went("a")
        assert await requests.went("b", within=0.05) is None
        assert made._ledger._database.execute("SELECT pid FROM waiting").fetchall() == []
    made._ledger.close()


# Servers that do not do well


@in_loop
async def test_an_overloaded_server_is_sent_less_and_more_again_with_answers(clock: Callable[[float], None]) -> None:
    """Less than were in flight, once for all that say it at a time."""
    made = dispatcher(concurrency=64)
    async with holding(made) as requests:
        for number in range(10):
            requests.ask(f"{number}")
        await requests.went("9")
        for _ in range(5):
            made.overloaded(ONE, "slow down", None)
        assert made._health[ONE].most == pytest.approx(7)
        clock(1)
        made.overloaded(ONE, "slow down", None)
        assert made._health[ONE].most == pytest.approx(4.9)
        clock(1)
        for _ in range(200):
            made.answered(ONE)
        assert made._health[ONE].most == 64


@pytest.mark.parametrize(("asked", "after"), [(None, 0.2), (5.0, 5.0), (-3.0, 0.2), (float("nan"), 0.2), (1e9, 3600.0)])
def test_nothing_is_sent_before_the_time_that_a_server_names(
    clock: Callable[[float], None], asked: float | None, after: float
) -> None:
    """Answers to what was sent before do not shorten it; a time that makes no sense is none."""

    async def ask() -> None:
        made = dispatcher(ONE)
        made.overloaded(ONE, "slow down", asked)
        made.answered(ONE)
        async with holding(made) as requests:
            clock(after - 0.15)
            requests.ask("a")
            assert await requests.went("a", within=0.03) is None
            clock(0.2)
            assert await requests.went("a") == ONE

    asyncio.run(ask())


@in_loop
async def test_a_context_waits_for_a_server_that_is_overloaded(clock: Callable[[float], None]) -> None:
    """To read it on another one costs more than the moment; other contexts go elsewhere."""
    made = dispatcher(ONE, TWO)
    async with holding(made) as requests:
        requests.ask("a", "a", LONG)
        await requests.went("a")
        made.overloaded(ONE, "slow down", 30.0)
        await requests.end("a")
        requests.ask("a again", "a", LONG)
        requests.ask("b", "b", LONG)
        assert await requests.went("b") == TWO
        assert "a again" not in requests.at
        clock(31)
        assert await requests.went("a again") == ONE


@in_loop
async def test_a_server_that_fails_is_left_alone_its_contexts_move_and_it_comes_back(
    clock: Callable[[float], None],
) -> None:
    """After three failures in a row; then one request tries it, and with its answer it is as the others."""
    made = dispatcher(ONE, TWO)
    async with holding(made) as requests:
        requests.ask("a", "a", LONG)
        await requests.went("a")
        await requests.end("a")
        for _ in range(3):
            made.failed(ONE, "no route")
        requests.ask("a moved", "a", LONG)
        assert await requests.went("a moved") == TWO
        clock(1)
        requests.ask("tries", "", 10)
        assert await requests.went("tries") == ONE
        requests.ask("another", "", 10)
        assert await requests.went("another") == TWO
        made.answered(ONE)
        requests.ask("b", "b", LONG)
        assert await requests.went("b") == ONE
        requests.ask("a stays", "a", LONG)
        assert await requests.went("a stays") == TWO


@in_loop
async def test_failures_of_requests_that_were_sent_together_count_as_one(clock: Callable[[float], None]) -> None:
    """A server that is started again in ten seconds is not left alone for a minute because 64 requests were open."""
    made = dispatcher()
    for _ in range(64):
        made.failed(ONE, "reset")
    assert made._health[ONE].failures == 3
    silences = []
    for _ in range(12):
        silences.append(round(made._health[ONE].silent_until - ledger.now(), 1))
        clock(silences[-1] + 0.1)
        made.failed(ONE, "refused")
    assert silences == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]


@in_loop
async def test_answers_in_between_make_failures_single_ones() -> None:
    """A server that fails now and then is not left alone."""
    made = dispatcher()
    for _ in range(10):
        made.failed(ONE, "reset")
        made.failed(ONE, "reset")
        made.answered(ONE)
    assert made._health[ONE].silent_until == 0
    assert made._health[ONE].most == 8


@in_loop
async def test_a_server_that_says_what_it_is_is_tried_at_once() -> None:
    """The build before ended because it was down; it was started again, and nobody waits for the minute to pass."""
    made = dispatcher()
    for _ in range(3):
        made.failed(ONE, "refused")
    made.found([ONE])
    async with holding(made) as requests:
        requests.ask("a")
        assert await requests.went("a", within=0.3) == ONE


# When nobody can be asked


async def failing_until_the_end(made: Dispatcher, clock: Callable[[float], None]) -> tuple[float, str]:
    """How long one waits while servers fail whenever they are asked, and what is said then."""
    waited = 0.0
    while True:
        try:
            async with asyncio.timeout(0.05), made.slot("", 10) as target:
                made.failed(target, f"{target}: refused")
        except TimeoutError:  # all are left alone
            clock(0.9)
            waited += 0.9
        except EngineError as error:
            return waited, str(error)


@in_loop
async def test_that_nobody_answers_ends_the_wait_in_the_servers_words(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Soon where nobody has answered lately, else ten times as late; each has its words."""
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 20.0)
    made = dispatcher(ONE, TWO)
    assert not made.answered_lately()
    waited, said = await failing_until_the_end(made, clock)
    assert 2 < waited < 10
    assert said == (
        "no server answers: http://one/v1: refused; http://two/v1: refused; "
        "mend that and build again: what was answered is kept"
    )
    made.answered(TWO)
    assert made.answered_lately()
    waited, _ = await failing_until_the_end(made, clock)
    assert 15 < waited < 60


@in_loop
async def test_one_request_in_flight_is_hope(clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A long answer may be under way while all servers are left alone."""
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 2.0)
    made = dispatcher()
    async with holding(made) as requests:
        requests.ask("a")
        await requests.went("a")
        made.overloaded(ONE, "slow down", 3000.0)
        requests.ask("b")
        clock(1000)
        assert await requests.went("b", within=0.1) is None
        assert not requests._tasks["b"].done()


@in_loop
async def test_a_time_that_a_server_names_is_waited_for(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patience begins behind it."""
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 10.0)
    made = dispatcher()
    made.overloaded(ONE, "come back in ten minutes", 600.0)
    async with holding(made) as requests:
        requests.ask("a")
        await asyncio.sleep(0.05)
        clock(590)
        assert await requests.went("a", within=0.05) is None
        assert not requests._tasks["a"].done()
        clock(15)
        assert await requests.went("a") == ONE


@in_loop
async def test_who_has_just_come_is_patient(clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has needed no server for long meets one that is overloaded in this moment."""
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 10.0)
    made = dispatcher()
    clock(1000)
    made.overloaded(ONE, "slow down", None)
    async with holding(made) as requests:
        requests.ask("a")
        assert await requests.went("a") == ONE


@in_loop
async def test_answers_to_other_processes_are_hope(
    clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who waits while all fail, and hears that another was answered meanwhile, begins to wait anew."""
    monkeypatch.setattr(dispatch, "GIVE_UP_SECONDS", 10.0)
    mine, other = (dispatcher(path=tmp_path / "ledger.sqlite") for _ in range(2))
    async with holding(mine) as requests:
        for round_ in range(4):
            other.answered(ONE)
            other.overloaded(ONE, "slow down", 7.0)
            requests.ask(f"{round_}")
            await asyncio.sleep(0.03)
            clock(6.9)
            await asyncio.sleep(0.03)
            assert not requests._tasks[f"{round_}"].done()
            clock(0.2)
    mine._ledger.close()
    other._ledger.close()


@in_loop
async def test_the_others_of_a_context_wait_until_its_first_request_has_computed_it() -> None:
    """Side by side, each of them would compute the prompt that they share."""
    made = dispatcher()
    made.computes_first.add(ONE)
    async with holding(made) as requests:
        requests.ask("first", "c", LONG)
        requests.ask("second", "c", LONG)
        assert await requests.went("first") == ONE
        assert made.is_first("c", LONG)
        assert await requests.went("second", within=0.2) is None
        made.computed("c", ONE, LONG)
        assert await requests.went("second") == ONE
        assert not made.is_first("c", LONG)


@in_loop
async def test_a_first_request_that_ends_without_having_computed_leaves_that_to_the_next() -> None:
    """It may have failed, or been given up."""
    made = dispatcher()
    made.computes_first.add(ONE)
    async with holding(made) as requests:
        requests.ask("first", "c", LONG)
        requests.ask("second", "c", LONG)
        await requests.went("first")
        await requests.end("first")
        assert await requests.went("second") == ONE
        assert made.is_first("c", LONG)


@in_loop
async def test_contexts_wait_for_the_server_that_is_free_first() -> None:
    """Two a server are computed or wait there; the next one is not tied to a server before one of them is done."""
    made = dispatcher(ONE, TWO)
    made.computes_first.update([ONE, TWO])
    async with holding(made) as requests:
        for number in range(5):
            requests.ask(f"{number}", f"c{number}", LONG)
        went = [await requests.went(f"{number}") for number in range(4)]
        assert sorted(map(str, went)) == [ONE, ONE, TWO, TWO]
        assert await requests.went("4", within=0.2) is None
        made.computed("c1", str(went[1]), LONG)
        assert await requests.went("4") == went[1]


@in_loop
async def test_what_checks_show_of_a_context_is_not_the_context() -> None:
    """A context of which a quarter was sent is not in the cache."""
    made = dispatcher()
    made.computes_first.add(ONE)
    async with holding(made) as requests:
        requests.ask("check", "c", LONG // 4)
        await requests.went("check")
        made.computed("c", ONE, LONG // 5)
        await requests.end("check")
        requests.ask("trace", "c", LONG)
        await requests.went("trace")
        assert made.is_first("c", LONG)
        made.computed("c", ONE, LONG)
        requests.ask("other question", "c", LONG + 50)
        assert await requests.went("other question") == ONE
        assert not made.is_first("c", LONG + 50)


@in_loop
async def test_servers_that_nobody_starts_again_any_more_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who starts them is asked as long as none answers; that it has given up is said in its words."""
    asked: list[int] = []

    def restarting() -> None:
        asked.append(len(asked))
        if len(asked) > 1:
            raise EngineError("vLLM for tiny ended 4 times")

    made = dispatcher(ONE)
    made.restarting = restarting
    monkeypatch.setattr(dispatch, "_ASK_SECONDS", 0.1)
    made.overloaded(ONE, "starting", 60.0)
    async with asyncio.timeout(20):
        with pytest.raises(EngineError, match="ended 4 times"):
            async with made.slot("", 10):
                pass
    assert len(asked) == 2
