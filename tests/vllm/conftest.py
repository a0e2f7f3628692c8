"""Real vLLM on this machine's processor, with a tiny model that is made on the spot: two replicas for all tests.

A server takes half a minute to start, and several where others want the processor, so the tests share two of them.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from longhop.serving import Servers, ServerSpec, Settings, keep, lease
from longhop.serving.places import Places
from tests.vllm.processes import alive, supervised, wait_for
from tests.vllm.tiny_model import make_tiny_model

ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_TARGET_DEVICE": "cpu",  # else it loads kernels for AVX-512, also where there is none
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB; else half of the memory
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else all servers bind themselves to the same core
    "OMP_NUM_THREADS": "1",
}
COMMAND = (sys.executable, str(Path(__file__).with_name("vllm_cpu.py")), "serve")
NAME = "tiny"
WINDOW = 8192
ARGS = (
    *("--served-model-name", NAME, "--enforce-eager"),
    *("--dtype", "float32"),  # where the processor lacks bfloat16, that is many times as slow
    # A prompt with a seed must be computed in one step: vLLM 0.32 cannot set back the random numbers of a processor.
    *("--max-num-batched-tokens", str(2 * WINDOW)),
)


@pytest.fixture(scope="session", autouse=True)
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny", max_position=16384)


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A work folder whose servers stay until the last test; then nothing is left of them."""
    work = tmp_path_factory.mktemp("work")
    with keep(work, Settings(linger=1)):
        address = Places(work).address()
        assert address is not None
        yield work
        started = {address.pid, *supervised(address.pid)}
    wait_for(lambda: not any(alive(pid) for pid in started), 60)
    assert not [pid for pid in started if alive(pid)]


@pytest.fixture(scope="session")
def spec(tiny_model: Path) -> ServerSpec:
    """Whatever is served with the same model, arguments and command shares these servers."""
    return ServerSpec(model=str(tiny_model), args=ARGS, command=COMMAND, replicas=2, max_model_len=WINDOW)


@pytest.fixture(scope="session")
def servers(spec: ServerSpec, work: Path) -> Iterator[Servers]:
    with lease(spec, work) as servers:
        yield servers
