"""The ``zoo`` command. Import a subcommand only when it runs or its help is shown."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import NoReturn

import click

from zoo.errors import StorageError, ZooError
from zoo.version import __version__

from . import output

COMMANDS = {
    "compare": "zoo.cli.compare:compare",
    "demo": "zoo.cli.demo:demo",
    "embed": "zoo.cli.embed:embed",
    "evaluate": "zoo.cli.commands:evaluate",
    "export": "zoo.cli.export:export",
    "finetune": "zoo.cli.finetune:finetune",
    "forecast": "zoo.cli.forecast:forecast",
    "generate": "zoo.cli.generate:generate",
    "info": "zoo.cli.commands:info",
    "list": "zoo.cli.commands:list_command",
    "predict": "zoo.cli.predict:predict",
    "probe": "zoo.cli.probe:probe",
    "profile": "zoo.cli.profile:profile",
    "serve": "zoo.cli.serve:serve",
    "train": "zoo.cli.commands:train",
    "weights": "zoo.cli.weights:weights",
}


class Commands(Mapping):
    """Commands by name, imported on lookup."""

    def __getitem__(self, name: str) -> click.Command:
        module, function = COMMANDS[name].split(":")
        return getattr(import_module(module), function)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Group(click.Group):
    """Print a zoo error as one line and exit with the error's exit code; exit with 130 on Ctrl-C.

    The exit code is 4 if standard output is closed or not writable, and 1 if its reader has closed it.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta["zoo.arguments"] = list(args)  # for processes that run the same command
        return super().parse_args(ctx, args)

    def main(self, *arguments, **options):
        try:
            output.prepare_streams()
            result = super().main(*arguments, **{**options, "standalone_mode": False})
            sys.stdout.flush()
            return result
        except click.exceptions.Abort:
            _end(130, "stopped")
        except click.ClickException as error:
            _end(error.exit_code, show=error.show)
        except ZooError as error:
            _end(error.exit_code, *(f"error: {line}" for line in error.lines()))
        except BrokenPipeError:
            # The reader of the output closed it: print nothing more, not even at exit.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            sys.exit(1)
        except OSError as error:
            # Errors of files are StorageErrors by now: this one is of standard output.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            place = output.escape(str(error.filename or "standard output"))
            _end(StorageError.exit_code, f"error: {place}: {error.strerror}: choose another place for it")


def _end(code: int, *lines: str, show: Callable[[], None] = lambda: None) -> NoReturn:
    """End the process; the exit code is right even where nothing can be printed."""
    with contextlib.suppress(OSError):
        show()
        for line in lines:
            output.note(line)
    with contextlib.suppress(OSError):
        if sys.stdout:
            sys.stdout.flush()
    sys.exit(code)


@click.group(cls=Group, commands=Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zoo")
def main() -> None:
    """Sequence models with pretrained weights: list, predict, forecast, generate, evaluate, fine-tune, train."""


if __name__ == "__main__":
    main()
