"""vLLM servers that longhop starts, with a command in the place of `vllm serve` that knows no model."""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import longhop.serving
from longhop.errors import EngineError, StorageError
from longhop.serving import Servers, ServerSpec, Settings, check_together, keep, lease
from longhop.serving.logs import ServerLog, cause, last_lines, secrets
from longhop.serving.messages import VERSION, Address
from longhop.serving.places import SOCKET_FOLDER, Places
from longhop.serving.ports import Port

FAKE = Path(__file__).parents[1] / "fake_vllm.py"
QUICK = Settings(linger=0.05, settle=0.1, grace=0.3, ready=20, backoff=0.005, tick=0.02, health=0.1)
LONG = msgspec.structs.replace(QUICK, linger=60)


def wait_until(holds: Callable[[], Any], seconds: float = 15) -> Any:
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"waited {seconds} s in vain"
        time.sleep(0.03)
    return found


def about(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.replace("/v1", "/about"), timeout=10) as reply:  # noqa: S310 - our own server
        found: dict[str, Any] = json.load(reply)
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Bench:
    """A work folder, and the processes that have to do with it: all have its name in their environment."""

    def __init__(self, work: Path) -> None:
        self.work = work
        self.counter = str(work.parent / "starts")

    def spec(self, *faults: str, model: str = "org/model", **more: Any) -> ServerSpec:
        return ServerSpec(model=model, command=(sys.executable, "-S", str(FAKE), *faults, "serve"), **more)

    def processes(self) -> dict[int, str]:
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if f"LONGHOP_BENCH={self.work}".encode() in (entry / "environ").read_bytes().split(b"\0"):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    if words and alive(int(entry.name)) and int(entry.name) != os.getpid():
                        found[int(entry.name)] = words
        return found

    def all_with(self, words: str) -> list[int]:
        return [pid for pid, line in self.processes().items() if words in line]

    def servers(self) -> list[int]:
        """The servers, not those who guard them or have a spec."""
        words = f" -S {FAKE} "
        return [pid for pid, line in self.processes().items() if words in line and "guard.py" not in line]

    def guards(self) -> list[int]:
        return [pid for pid, line in self.processes().items() if "guard.py" in line]

    def supervisor(self) -> int:
        found = Places(self.work).address()
        assert found is not None
        return found.pid

    def log(self) -> str:
        return Places(self.work).log.read_text(encoding="utf-8")

    def lease(self, spec: ServerSpec, settings: Settings = QUICK) -> contextlib.AbstractContextManager[Servers]:
        return lease(spec, self.work, settings)

    @contextlib.contextmanager
    def client(self, spec: ServerSpec, then: str = "sys.stdin.read()", settings: Settings = QUICK) -> Iterator[Any]:
        """Another process with a lease; gives it, and what it says first."""
        body = f"""
            import logging, os, sys, time, msgspec
            from pathlib import Path
            from longhop.serving import ServerSpec, Settings, lease
            from longhop.errors import EngineError
            spec = msgspec.json.decode({msgspec.json.encode(spec)!r}, type=ServerSpec)
            settings = msgspec.json.decode({msgspec.json.encode(settings)!r}, type=Settings)
            try:
                with lease(spec, Path({str(self.work)!r}), settings) as servers:
                    print(*servers.urls, flush=True)
                    {then}
            except EngineError as error:
                print(error, flush=True)
        """
        with subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", textwrap.dedent(body)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()


def first_line(process: Any) -> str:
    line = process.stdout.readline().strip()
    assert line, process.stderr.read()
    assert isinstance(line, str)
    return line


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Whatever happens, no process is left."""
    work = tmp_path / "work"
    monkeypatch.setenv("LONGHOP_BENCH", str(work))
    bench = Bench(work)
    before = set(Path("/tmp").glob(f"{SOCKET_FOLDER}*"))
    yield bench
    try:
        wait_until(lambda: not bench.processes())
    except AssertionError:
        sys.stdout.write(f"left: {bench.processes()}\n{bench.log()}")
        raise
    finally:
        for pid in bench.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    assert not [path for path in set(Path("/tmp").glob(f"{SOCKET_FOLDER}*")) - before if not (path / "socket").exists()]


# What to serve


def test_all_that_is_public_is_named() -> None:
    """`__all__` names what there is."""
    assert all(hasattr(longhop.serving, name) for name in longhop.serving.__all__)


def test_the_command_line_has_what_longhop_adds() -> None:
    """Address, name, revision, window and prefix cache stand before the arguments of the recipe."""
    spec = ServerSpec(model="org/model", revision="abc", max_model_len=9000, args=("--dtype", "float32"))
    assert spec.command_line(8001) == [
        *("vllm", "serve", "org/model", "--host", "127.0.0.1", "--port", "8001", "--served-model-name", "org/model"),
        *("--revision", "abc", "--max-model-len", "9000", "--enable-prefix-caching", "--dtype", "float32"),
    ]


def test_arguments_of_the_recipe_win(tmp_path: Path) -> None:
    """What stands in `args`, in any spelling, or in a configuration file of vLLM's, is not added."""
    config = tmp_path / "vllm.yaml"
    config.write_text("served-model-name: [mine, other]\nhost: 0.0.0.0\n")
    spec = ServerSpec(
        model="m", max_model_len=9, args=("--max_model_len=100", "--no-enable-prefix-caching", "--config", str(config))
    )
    assert spec.command_line(8001) == ["vllm", "serve", "m", "--port", "8001", *spec.args]
    assert spec.served_name == "mine"
    assert spec.host == "127.0.0.1"


def test_gpus_are_split_in_order() -> None:
    """Each replica sees its own GPUs only; without `gpus` it sees what the client sees."""
    spec = ServerSpec(model="m", replicas=2, gpus=(4, 5, 6, 7), args=("-tp", "2"))
    spec.check()
    environment = spec.environment({"CUDA_VISIBLE_DEVICES": "0", "PATH": "/bin"}, 1)
    assert environment["CUDA_VISIBLE_DEVICES"] == "6,7"
    assert environment["VLLM_NO_USAGE_STATS"] == environment["DO_NOT_TRACK"] == "1"
    assert ServerSpec(model="m").environment({"CUDA_VISIBLE_DEVICES": "3"}, 0)["CUDA_VISIBLE_DEVICES"] == "3"


def test_roles_share_servers_by_what_they_serve() -> None:
    """Model, revision, arguments and command make the key; how many servers, and where, does not."""
    spec = ServerSpec(model="m", args=("--a",))
    assert spec.key == ServerSpec(model="m", args=("--a",), replicas=2, gpus=(0, 1), exclusive=True).key
    others = [ServerSpec(model="n", args=("--a",)), ServerSpec(model="m"), ServerSpec(model="m", revision="r")]
    assert len({spec.key, *(other.key for other in others)}) == 4


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (ServerSpec(model="m", replicas=2, gpus=(0, 1, 2)), "3 GPUs cannot be split evenly over 2 replicas"),
        (ServerSpec(model="m", gpus=(0, 1)), '"--tensor-parallel-size", "2"'),
        (ServerSpec(model="m", gpus=(0,), args=("-tp", "two")), "--tensor-parallel-size two, expected a number"),
        (ServerSpec(model="m", replicas=2, gpus=(1, 1)), "GPU 1 is given to 2 replicas, which take 180%"),
        (ServerSpec(model="m", args=("--port", "8000")), "--port, but longhop chooses a free one"),
        (ServerSpec(model="/no/such/model"), "no such folder"),
        (ServerSpec(model="m"), 'install it with `pip install "longhop[vllm]"`'),
        (ServerSpec(model="m", command=("no-such-command", "serve")), "the command `no-such-command` was not found"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_starts(spec: ServerSpec, said: str) -> None:
    """Each in one sentence that names the model and what to change."""
    with pytest.raises(EngineError) as raised:
        spec.check({"PATH": "/no/such/folder"})
    assert said in str(raised.value)
    assert spec.model in str(raised.value)


def test_a_gpu_that_two_models_would_hold_is_said() -> None:
    """Unless one is exclusive, or both say how much of it they take."""
    first, second = ServerSpec(model="first", gpus=(0, 1)), ServerSpec(model="second", gpus=(1,))
    with pytest.raises(EngineError, match="GPU 1 is held by the vLLM servers of first and second"):
        check_together([first, second])
    check_together([first, msgspec.structs.replace(second, exclusive=True)])
    half = ("--gpu-memory-utilization", "0.45")
    check_together([msgspec.structs.replace(spec, args=half) for spec in (first, second)])


def test_a_port_is_given_once() -> None:
    """Though it is free, a port that another server will bind is not given again."""
    ports = [Port("127.0.0.1") for _ in range(20)]
    assert len({port.number for port in ports}) == 20
    for port in ports:
        port.free()
    with pytest.raises(EngineError, match="no address of this machine"):
        Port("192.0.2.1")


# What logs say

ENGINE = "(EngineCore pid=7) ERROR 11-24 12:45:23 [core.py:1011] "


@pytest.mark.parametrize(
    ("lines", "line", "remedy"),
    [
        (
            [
                f"{ENGINE}torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB.",
                "RuntimeError: Engine core",
            ],
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 1 GiB.",
            "free the GPU",
        ),
        (
            ["ValueError: Free memory on device cuda:0 (2/79 GiB) on startup is less than desired GPU memory"],
            "ValueError: Free memory on device cuda:0 (2/79 GiB) on startup is less than desired GPU memory",
            "another process holds the GPU",
        ),
        (
            [
                "pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig",
                "  Value error, Total number of attention heads (4) must be divisible by 7. [type=value_error, input…",
            ],
            "ValidationError: Total number of attention heads (4) must be divisible by 7.",
            "",
        ),
        (["vllm: error: unrecognized arguments: --frob"], "vllm: error: unrecognized arguments: --frob", "`args`"),
        (
            [
                "(APIServer pid=1) WARNING 11-24 12:44:10 [system_utils.py:255] errors like `Too many open files`",
                "KeyError: 'layers'",
                "RuntimeError: Engine core initialization failed. See root cause above.",
            ],
            "KeyError: 'layers'",
            "",
        ),
    ],
)
def test_the_line_that_says_why_is_found(lines: list[str], line: str, remedy: str) -> None:
    """Known ends first, with what to do; else the last error that does not only repeat another."""
    found = cause(lines)
    assert found is not None
    assert found.line == line
    assert remedy in found.remedy
    assert bool(found.remedy) == bool(remedy)


def test_the_end_of_a_log_is_what_tells_something() -> None:
    """No stack, no requests, no progress, no reports beside errors, nothing twice."""
    lines = [
        "(APIServer pid=1) INFO 11-24 12:44:37 [launcher.py:195] Route: /ping, Methods: GET",
        "(APIServer pid=1) INFO 11-24 12:44:37 [model.py:1] Using max model len 8192",
        'INFO:     127.0.0.1:59992 - "GET /v1/models HTTP/1.1" 200 OK',
        f"{ENGINE}Traceback (most recent call last):",
        f'{ENGINE}  File "/venv/vllm/v1/engine/core.py", line 1002, in run',
        f"{ENGINE}    raise ValueError",
        f"{ENGINE}ValueError: no",
        "ValueError: no",
    ]
    assert last_lines(lines) == ["ValueError: no"]
    assert last_lines(lines[:2]) == ["Using max model len 8192"]
    assert cause(lines[:3]) is None


def test_logs_hold_no_secret(tmp_path: Path) -> None:
    """Values of variables that are named like keys, keys among the arguments, passwords in addresses; cut anywhere."""
    spec = ServerSpec(model="m", args=("--api-key", "in-the-arguments"))
    hidden = secrets(spec, {"HF_TOKEN": "tok-123456", "OPENAI_API_KEY": "key-123456", "HOME": "/home/somebody"})
    log = ServerLog(tmp_path / "a.log", hidden)
    said = (
        b"in-the-arguments tok-123456\rkey-123456 /home/somebody http://me:word@proxy/ hf_abcdefghijklmnopqrstuvwxyz\n"
    )
    for start in range(0, len(said), 7):
        log.feed(said[start : start + 7])
    log.feed(b"the rest without an end")
    log.end()
    text = log.path.read_text(encoding="utf-8")
    assert text == "*** ***\n*** /home/somebody http://***@proxy/ ***\nthe rest without an end\n"
    assert list(log.lines) == text.splitlines()


def test_a_log_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has become large is moved aside, and one such is kept."""
    monkeypatch.setattr("longhop.serving.logs._MAX_BYTES", 1000)
    log = ServerLog(tmp_path / "a.log", [])
    for number in range(300):
        log.feed(f"line {number}\n".encode())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1"]
    assert log.path.stat().st_size < 1100


# Serving


def test_a_lease_gives_servers_and_leaves_nothing(bench: Bench) -> None:
    """Each replica has its port, GPU, name and window; children and strays that ignore SIGTERM end with it, too."""
    spec = bench.spec("--children", "1", "--strays", "1", "--ignore-sigterm", replicas=2, gpus=(2, 5), max_model_len=77)
    with bench.lease(spec) as servers:
        assert servers.check() == servers.urls
        told = [about(url) for url in servers.urls]
        assert [one["environment"]["CUDA_VISIBLE_DEVICES"] for one in told] == ["2", "5"]
        for one in told:
            assert one["folder"] == str(Path.cwd())
            assert "--max-model-len 77" in " ".join(one["args"])
        # Who starts a stray has its words, too, until he ends.
        wait_until(lambda: len(bench.all_with("time.sleep(600)")) == 4)
    wait_until(lambda: not bench.processes())
    logs = sorted(path.name for path in (bench.work / "servers").glob("org-model-*.log"))
    assert logs == [f"org-model-{spec.key[:8]}-{replica}.log" for replica in range(2)]


def test_a_server_is_heard_where_its_log_cannot_be_written(tmp_path: Path) -> None:
    """A full disk stops no server: what it says is kept for messages, and it does not block."""
    log = ServerLog(tmp_path / "file" / "a.log", [])
    (tmp_path / "file").touch()
    log.feed(b"ValueError: said to nobody\n")
    assert list(log.lines) == ["ValueError: said to nobody"]


def test_processes_share_servers_and_find_them_again(bench: Bench) -> None:
    """Six processes that begin at once start one supervisor and one server, which stays for the next within linger."""
    spec, patient = bench.spec(), msgspec.structs.replace(QUICK, linger=3)
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(bench.client(spec, settings=patient)) for _ in range(6)]
        urls = {first_line(client) for client in clients}
        assert len(urls) == len(bench.guards()) == 1
        pid = about(urls.pop())["pid"]
    assert alive(pid)
    with bench.lease(spec) as servers:
        assert about(servers.urls[0])["pid"] == pid
    os.kill(bench.supervisor(), signal.SIGTERM)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_servers_end_with_their_last_client(bench: Bench, number: signal.Signals) -> None:
    """However a client ends, the supervisor learns it, and ends when the last is gone."""
    spec = bench.spec("--strays", "1")
    with bench.client(spec) as first, bench.client(spec) as second:
        url = first_line(first)
        assert first_line(second) == url
        first.send_signal(number)
        first.wait()
        time.sleep(0.3)  # longer than linger
        assert about(url)
        second.send_signal(number)
        wait_until(lambda: not bench.processes())


def test_a_forked_process_neither_holds_nor_ends_a_lease(bench: Bench) -> None:
    """Its end changes nothing; it can ask how the servers are; and when the one who holds them dies, they go."""
    fork = (
        "child = os.fork();"
        "print(child or servers.check(), flush=True);"
        "child or time.sleep(0.2) or os._exit(0);"
        "os.waitpid(child, 0); other = os.fork(); other or time.sleep(60); print('held', servers.check(), flush=True);"
        "sys.stdin.read()"
    )
    with bench.client(bench.spec(), fork) as client:
        url = first_line(client)
        assert f"['{url}']" in [first_line(client) for _ in range(2)]
        assert first_line(client) == f"held ['{url}']"
        time.sleep(0.3)  # longer than linger
        assert about(url)
        client.kill()
        client.wait()
        wait_until(lambda: not bench.servers())
        for left in bench.all_with("os.fork"):
            os.kill(left, signal.SIGKILL)


def test_a_copy_of_the_connection_in_another_process_holds_nothing(bench: Bench) -> None:
    """Not even where a process was forked behind Python's back: the supervisor looks whether its client lives."""
    fork = (
        "import ctypes; pid = ctypes.PyDLL(None).fork(); pid or time.sleep(60); print('forked', flush=True);"
        "sys.stdin.read()"
    )
    with bench.client(bench.spec(), fork) as client:
        first_line(client)
        assert first_line(client) == "forked"
        client.kill()
        wait_until(lambda: not bench.servers())
        for left in bench.all_with("ctypes"):
            os.kill(left, signal.SIGKILL)


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        (
            ("--crash", "memory"),
            "CUDA out of memory. Tried to allocate 1.25 GiB. GPU 0 has a total capacity of 79.11 GiB",
        ),
        (("--crash", "error"), "ValueError: the model's config.json has no architecture; it ended with exit code 1"),
        (("--crash", "signal"), "it was killed (SIGKILL), perhaps since the machine ran out of memory"),
        (("--slow", "60"), "it does not answer after 1 seconds"),
    ],
)
def test_a_server_that_does_not_start_says_why(bench: Bench, faults: tuple[str, ...], said: str) -> None:
    """One sentence, the end of the log, and where it lies; the other replica is ended, too."""
    spec = bench.spec(*faults, replicas=2)
    with pytest.raises(EngineError) as raised, bench.lease(spec, msgspec.structs.replace(QUICK, ready=1)):
        pass
    first, log, *_ = str(raised.value).splitlines()
    assert first.startswith("vLLM for org/model (replica ")
    assert said in first
    path = Path(log.partition("the end of its log, ")[2].partition(":")[0])
    assert path.parent == bench.work / "servers"
    assert "non-default args" in path.read_text(encoding="utf-8")


def test_a_port_that_was_taken_meanwhile_is_no_end(bench: Bench) -> None:
    """Another is tried, a few times; then it is said which was the last."""
    with bench.lease(bench.spec("--port-taken", "2", "--counter", bench.counter)) as servers:
        assert about(servers.urls[0])
    spec = bench.spec("--port-taken", "100", "--counter", bench.counter)
    with pytest.raises(EngineError, match="Address already in use; end what uses the port"), bench.lease(spec):
        pass


def test_what_cannot_be_said_is_not_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the environment reach the server, and neither its log nor the message; odd variables do not stop it."""
    monkeypatch.setenv("MY_API_KEY", "sk-very-secret")
    monkeypatch.setenv("ODD", "\udcff")
    spec = bench.spec("--say", "ValueError: key sk-very-secret is wrong", args=("--hf-token", "token-in-args"))
    with bench.lease(spec) as servers:
        assert about(servers.urls[0])["environment"]["MY_API_KEY"] == "sk-very-secret"
    spec = bench.spec("--say", "ValueError: key sk-very-secret is wrong", "--crash", "signal")
    with pytest.raises(EngineError, match=r"key \*\*\* is wrong"), bench.lease(spec):
        pass
    for path in bench.work.rglob("*"):
        if path.is_file():
            assert "very-secret" not in path.read_text(encoding="utf-8")
            assert "token-in-args" not in path.read_text(encoding="utf-8")


def test_a_server_that_ends_is_started_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    """At the same address; meanwhile `check` gives what answers; also when it was its guard that was killed."""
    caplog.set_level(logging.INFO, "longhop")
    with bench.lease(bench.spec("--strays", "1", replicas=2)) as servers:
        for victim in ("server", "guard"):
            pid = about(servers.urls[0])["pid"]
            guards = bench.guards()
            os.kill(pid if victim == "server" else guard_of(pid), signal.SIGKILL)
            wait_until(lambda: servers.check() == servers.urls[1:])
            wait_until(lambda: servers.check() == servers.urls)
            assert about(servers.urls[0])["pid"] != pid
            assert len(set(bench.guards()) - set(guards)) == 1
            wait_until(lambda: len(bench.all_with("time.sleep(600)")) == 2)
    assert "org/model (replica 0) ended; starting it again in 0 s (try 1 of 3)" in caplog.text
    assert "answers again" in caplog.text


def guard_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def test_a_server_that_says_that_its_engine_is_dead_is_started_again(bench: Bench, tmp_path: Path) -> None:
    """It answers 503 then, and mostly ends by itself; one that does not is ended."""
    sick = tmp_path / "sick"
    with bench.lease(bench.spec("--sick", str(sick))) as servers:
        pid = about(servers.urls[0])["pid"]
        sick.touch()
        wait_until(lambda: not servers.check())
        sick.unlink()
        wait_until(servers.check)
        assert about(servers.urls[0])["pid"] != pid


def test_a_server_that_ends_again_and_again_is_given_up(bench: Bench) -> None:
    """`check` says why, with the end of the log; the next lease starts anew."""
    spec = bench.spec("--dies-at-restart", "--counter", bench.counter)
    with bench.lease(spec) as servers:
        os.kill(about(servers.urls[0])["pid"], signal.SIGKILL)
        with pytest.raises(EngineError, match="started again in vain: ValueError: it starts once only"):
            wait_until(lambda: servers.check() and False)
        assert Path(bench.counter).stat().st_size == 1 + QUICK.restarts
        Path(bench.counter).unlink()
        with bench.lease(spec) as again:
            assert again.check() == again.urls


def test_one_replica_that_is_given_up_stops_no_other(bench: Bench) -> None:
    """The rest go on, and a new lease names them only."""
    both = bench.spec(replicas=2)
    with bench.lease(both, msgspec.structs.replace(QUICK, restarts=0)) as servers:
        os.kill(about(servers.urls[1])["pid"], signal.SIGKILL)
        wait_until(lambda: servers.check() == servers.urls[:1])
        with bench.lease(both) as other:
            assert other.urls == servers.urls[:1]


def test_a_server_that_wants_a_key_is_ready(bench: Bench) -> None:
    """With `VLLM_API_KEY` it names its models to those who have the key; the engine sends it."""
    with bench.lease(bench.spec("--locked")) as servers:
        assert servers.check() == servers.urls


# Turns


def test_an_exclusive_model_waits_and_the_others_wait_for_it(bench: Bench) -> None:
    """It starts when nobody holds others, whose servers are stopped first; and it is said who waits for whom."""
    first, second = bench.spec(model="first"), bench.spec(model="second", exclusive=True)
    with bench.client(first, settings=LONG) as one:
        url = first_line(one)
        with bench.client(second, settings=LONG) as two:
            wait_until(lambda: f"second: waits for first (held by process {one.pid})" in bench.log())
            assert about(url)
            assert len(bench.guards()) == 1
            one.kill()
            assert about(first_line(two))["args"]
            assert len(bench.guards()) == 1
            with bench.client(first, settings=LONG) as three:
                wait_until(lambda: f"first: waits for second (held by process {two.pid})" in bench.log())
                two.kill()
                assert first_line(three) != url
    os.kill(bench.supervisor(), signal.SIGTERM)


def test_who_would_wait_for_himself_is_told(bench: Bench) -> None:
    """A process that holds servers and wants an exclusive one, or whose parent does, would wait for ever."""
    with bench.lease(bench.spec()):
        wanted = bench.lease(bench.spec(model="other", exclusive=True))
        with pytest.raises(EngineError, match=rf"process {os.getpid()} holds that asks for it itself"), wanted:
            pass
        with bench.client(bench.spec(model="other", exclusive=True)) as child:
            assert "end that lease first" in first_line(child)
        with bench.lease(bench.spec(exclusive=True)) as same:
            assert same.check()


def test_tasks_of_a_stage_follow_before_the_next_model_is_loaded(bench: Bench) -> None:
    """Servers that nobody holds keep their place a moment, and whoever wants them then goes before those who wait."""
    settings = msgspec.structs.replace(QUICK, settle=1.5)
    first, second = bench.spec(model="first"), bench.spec(model="second", exclusive=True)
    with keep(bench.work, settings), bench.client(first) as one:
        url = first_line(one)
        with bench.client(second) as waiting:
            wait_until(lambda: "second: waits for first" in bench.log())
            one.kill()
            one.wait()
            with bench.client(first) as next_task:
                assert first_line(next_task) == url
            assert first_line(waiting) != url


def test_gpus_that_others_hold_are_said_at_once(bench: Bench) -> None:
    """Nothing is started then; servers that nobody holds make room."""
    first, second = bench.spec(model="first", gpus=(0,)), bench.spec(model="second", gpus=(0,))
    with keep(bench.work, QUICK):
        with bench.lease(first):
            with pytest.raises(EngineError, match="GPU 0 is held by the vLLM servers of"), bench.lease(second):
                pass
            assert len(bench.guards()) == 1
        with bench.lease(second):
            assert len(bench.guards()) == 1


def test_roles_that_share_servers_have_to_agree(bench: Bench) -> None:
    """A longer window than that of servers in use is refused, one of idle ones starts them again."""
    short, long = bench.spec(max_model_len=100), bench.spec(max_model_len=200)
    with keep(bench.work, QUICK):
        with bench.lease(long), bench.lease(short) as shared:
            assert "--max-model-len 200" in " ".join(about(shared.urls[0])["args"])
        with bench.lease(bench.spec(max_model_len=300)) as longer:
            assert "--max-model-len 300" in " ".join(about(longer.urls[0])["args"])
            wanted = bench.lease(bench.spec(replicas=2))
            with pytest.raises(EngineError, match="in use with another `replicas`"), wanted:
                pass


def test_a_build_keeps_servers_between_its_tasks(bench: Bench) -> None:
    """Beyond their linger, as long as it lives; and no longer."""
    spec = bench.spec()
    with keep(bench.work, QUICK):
        with bench.lease(spec) as servers:
            pid = about(servers.urls[0])["pid"]
        time.sleep(0.3)  # longer than linger
        with bench.lease(spec) as servers:
            assert about(servers.urls[0])["pid"] == pid
    wait_until(lambda: not alive(pid))


# The supervisor


def test_a_killed_supervisor_takes_its_servers_along(bench: Bench) -> None:
    """`check` says that it is gone, and the next lease starts another, when the old servers have ended."""
    spec = bench.spec("--strays", "1", "--ignore-sigterm")
    with bench.lease(spec) as servers:
        old = about(servers.urls[0])["pid"]
        os.kill(bench.supervisor(), signal.SIGKILL)
        with pytest.raises(EngineError, match="is gone, and the servers with it; build again"):
            wait_until(lambda: servers.check() and False)
        with bench.lease(spec) as again:
            assert not alive(old)
            assert about(again.urls[0])


def test_a_supervisor_that_is_asked_to_end_stops_all(bench: Bench) -> None:
    """And whoever holds servers is told."""
    with bench.lease(bench.spec()) as servers:
        os.kill(bench.supervisor(), signal.SIGTERM)
        wait_until(lambda: not bench.servers())
        with pytest.raises(EngineError, match="supervisor of (?:the|its) vLLM servers"):
            servers.check()


def test_a_supervisor_of_another_version_is_refused(bench: Bench, tmp_path: Path) -> None:
    """The message says which process it is and what to do."""
    places = Places(bench.work)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        listening.listen()
        places.write_address(Address(version=VERSION - 1, pid=4711, socket=str(tmp_path / "s")))

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b'{"type":"welcome","version":0,"pid":4711}\n')

        thread = threading.Thread(target=answer)
        thread.start()
        said = r"process 4711\) is of another version of longhop .* kill 4711"
        with pytest.raises(EngineError, match=said), bench.lease(bench.spec()):
            pass
        thread.join()


def test_nonsense_on_the_socket_disturbs_nobody(bench: Bench) -> None:
    """Who speaks another language is let go, and the others go on."""
    with bench.lease(bench.spec()) as servers:
        address = Places(bench.work).address()
        assert address is not None
        for words in (b"GET / HTTP/1.1\r\n\r\n", b'{"type":"acquire"}\n', b'{"type":"hello","version":99}\n', b"\n"):
            with socket.socket(socket.AF_UNIX) as stranger:
                stranger.connect(address.socket)
                stranger.sendall(words)
                assert b"acquire" not in stranger.recv(1000)
        assert servers.check() == servers.urls


def test_a_long_path_of_the_work_folder_is_no_matter(bench: Bench) -> None:
    """A socket's path may have a hundred characters only, so it lies elsewhere."""
    bench.work /= "x" * 120
    with bench.lease(bench.spec()) as servers:
        assert servers.check()


def test_a_work_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """With what to do."""
    (tmp_path / "file").touch()
    spec = ServerSpec(model="m", command=(sys.executable,))
    with pytest.raises(StorageError, match="choose another folder for work"), lease(spec, tmp_path / "file"):
        pass


def test_a_lease_that_is_over_asks_in_vain(bench: Bench) -> None:
    """It holds nothing any more, and says so."""
    with bench.lease(bench.spec()) as servers:
        pass
    assert isinstance(servers, Servers)
    with pytest.raises(EngineError):
        servers.check()
