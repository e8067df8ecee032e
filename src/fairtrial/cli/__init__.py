"""The command line: it translates, it decides nothing. Read `app.py` for the commands, `main` for exit codes."""

import os
import sys
import traceback

_TYPER_INTERRUPTED = 130
"""What Typer makes of Ctrl-C outside a run, which ends a run of its own accord; ours is 5."""


def main() -> None:
    """Run the command line; every known failure becomes one plain sentence on stderr and its own exit code."""
    # Tables here are a few hundred rows wide: more threads only spin, and one adds numbers in the same order always.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from fairtrial.cli.app import app
    from fairtrial.cli.output import fail

    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except SystemExit as left:
        if left.code != _TYPER_INTERRUPTED:
            raise
        sys.stderr.write("\nInterrupted. The same command goes on; nothing recorded is lost.\n")
        sys.exit(5)
    except Exception as error:  # noqa: BLE001 - the last word on any failure is one sentence
        if debug:
            traceback.print_exc()
        sys.exit(fail(error, json="--json" in sys.argv))
