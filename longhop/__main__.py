"""Where the `longhop` command begins, and `python -m longhop`: a Ctrl-C that comes while it is imported is a Ctrl-C.

$ longhop build recipe.yaml
^Cinterrupted; run the same command again to continue
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Import the command and run it."""
    try:
        from longhop.cli import main as run  # noqa: PLC0415 - what takes long is inside of `try`
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)  # noqa: T201 - as cli.py says it
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
