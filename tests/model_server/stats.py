"""What a server counts, and the schedule that would have been ideal.

>>> ideal_seconds([2.0, 1.0, 1.0], slots=2)
2.0
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any

import msgspec

from tests.model_server.options import Shape

__all__ = ["ContextStats", "Seen", "Stats", "ideal_seconds", "prometheus"]


class ContextStats(msgspec.Struct, kw_only=True):
    """What was done for prompts that begin with the same documents."""

    requests: int = 0
    tokens: int = 0
    """Of the documents, in full blocks."""
    prefills: int = 0
    """Requests that found less than half of the documents in the cache."""
    prefilled_tokens: int = 0
    """Prompt tokens computed, those behind the documents counted."""


class Stats(msgspec.Struct, kw_only=True):
    """Counts since the start or the last reset. Seconds are those of the model: real ones by `time_scale`."""

    requests: int = 0
    """Chat requests that arrived."""
    served: int = 0
    """Those that ran to their end, whatever was done to the reply then."""
    given_up: int = 0
    """Those whose client went away first."""
    statuses: dict[str, int] = {}
    """Replies by status; `none` where the connection ended without one."""
    faults: dict[str, int] = {}
    """Faults that happened."""
    prompt_tokens: int = 0
    prefilled_tokens: int = 0
    """Prompt tokens that were computed; the samples of a request share them."""
    cached_tokens: int = 0
    """Prompt tokens that were in the cache."""
    completion_tokens: int = 0
    prefix_queries: int = 0
    """vLLM's counters: each sample asks for the whole prompt."""
    prefix_hits: int = 0
    evicted_blocks: int = 0
    in_flight: int = 0
    """Chat requests that are open now, with those that a fault holds."""
    running: int = 0
    """Sequences in a slot now."""
    waiting: int = 0
    max_in_flight: int = 0
    max_running: int = 0
    max_waiting: int = 0
    busy_seconds: float = 0.0
    """Seconds that slots were taken, summed over slots."""
    first_start: float | None = None
    last_end: float = 0.0
    ideal_seconds: float = 0.0
    """Seconds from first to last, had each sequence been there at once and begun when a slot was free."""
    kv_cache_usage: float = 0.0
    contexts: dict[str, ContextStats] = {}
    """By digest of the full blocks of the documents; prompts without any are in none."""

    @property
    def wall_seconds(self) -> float:
        """Seconds from the first start of a sequence to the last end."""
        return self.last_end - (self.first_start or 0.0)

    def count(self, table: dict[str, int], key: str) -> None:
        """Count one more."""
        table[key] = table.get(key, 0) + 1


class Seen(msgspec.Struct, kw_only=True):
    """A chat request as it arrived, without its messages."""

    at: float = 0.0
    """Seconds of the model since the start of the server."""
    attempt: int = 0
    """How often this body had been sent, this time included."""
    fields: dict[str, Any] = {}
    """The body but for its messages."""
    headers: dict[str, str] = {}
    """Names in small letters; the key is left out."""
    fault: str | None = None
    status: str = "none"
    """Of the reply; `none` where the connection ended without one."""
    prompt_tokens: int = 0
    cached_tokens: int = 0
    context: str = ""
    """Key of `Stats.contexts`."""


def ideal_seconds(seconds: Iterable[float], slots: int) -> float:
    """When the last of some sequences ends, if each in turn takes the first free slot and nothing is lost between."""
    free = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(free, free[0] + each)
    return max(free)


def prometheus(stats: Stats, model: str, shape: Shape) -> str:
    """The metrics of a vLLM server that clients look at, in the text format of Prometheus."""
    label = f'{{engine="0",model_name="{model}"}}'
    config = (
        f'block_size="{shape.block_size}",cache_dtype="auto",enable_prefix_caching="{shape.prefix_caching}",'
        f'engine="0",num_gpu_blocks="{shape.blocks}"'
    )
    lines = [
        "# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig",
        "# TYPE vllm:cache_config_info gauge",
        f"vllm:cache_config_info{{{config}}} 1.0",
    ]
    for name, kind, value in [
        ("num_requests_running", "gauge", stats.running),
        ("num_requests_waiting", "gauge", stats.waiting),
        ("kv_cache_usage_perc", "gauge", stats.kv_cache_usage),
        ("prefix_cache_queries_total", "counter", stats.prefix_queries),
        ("prefix_cache_hits_total", "counter", stats.prefix_hits),
        ("prompt_tokens_total", "counter", stats.prompt_tokens),
        ("generation_tokens_total", "counter", stats.completion_tokens),
    ]:
        lines += [
            f"# HELP vllm:{name} {name.replace('_', ' ')}",
            f"# TYPE vllm:{name} {kind}",
            f"vllm:{name}{label} {float(value)}",
        ]
    return "\n".join(lines) + "\n"
