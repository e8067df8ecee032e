"""The command line: it translates, it decides nothing. Read `app.py` for the commands, `main` for exit codes."""

import sys


def main() -> None:
    """Run the command line; every known failure becomes one plain sentence on stderr and its own exit code."""
    from fairtrial.cli.app import app
    from fairtrial.cli.output import fail

    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    try:
        app()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command goes on; nothing recorded is lost.\n")
        sys.exit(5)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        sys.exit(fail(error))
