"""A model server without a model: what OpenAI's API and vLLM's endpoints say, in the time that a real one would take.

    with model_server(Script(key="k"), Shape(slots=8, decode_rate=40, time_scale=0.01), faults=["429:0.05"]) as server:
        ...                                               # clients of server.url
        server.stats().prefilled_tokens

    $ python -m tests.model_server --slots 8 --prefill-rate 8000 --decode-rate 40 --fault 429:0.05 --fault reset:0.05
    http://127.0.0.1:41327/v1

It has a line before its slots, a prefix cache in blocks, prefill and decode rates, answers that are a function of
messages, model and seed, and faults on demand. What it answers means nothing, unless it answers longhop's prompts
with the lexical engine (`Script(answers="lexical")`).
"""

from tests.model_server.options import Fault, Faults, Script, Shape
from tests.model_server.process import Server, model_server
from tests.model_server.stats import ContextStats, Seen, Stats, ideal_seconds

__all__ = [
    "ContextStats",
    "Fault",
    "Faults",
    "Script",
    "Seen",
    "Server",
    "Shape",
    "Stats",
    "ideal_seconds",
    "model_server",
]
