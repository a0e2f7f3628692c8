"""What all tests share."""

import signal


def pytest_configure() -> None:
    """Have SIGINT interrupt, here and in processes of the tests: a shell's background jobs begin with it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
