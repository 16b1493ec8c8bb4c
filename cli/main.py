"""The ``zoo`` command: thin over the package; a subcommand is imported when it is run or listed."""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module

import click

from zoo.errors import ZooError
from zoo.version import __version__

COMMANDS = {
    "compare": "zoo.cli.compare:compare",
    "evaluate": "zoo.cli.commands:evaluate",
    "finetune": "zoo.cli.finetune:finetune",
    "generate": "zoo.cli.generate:generate",
    "info": "zoo.cli.commands:info",
    "list": "zoo.cli.commands:list_command",
    "predict": "zoo.cli.predict:predict",
    "probe": "zoo.cli.probe:probe",
    "profile": "zoo.cli.profile:profile",
    "train": "zoo.cli.commands:train",
    "weights": "zoo.cli.weights:weights",
}


class Commands(Mapping):
    """The commands by name; the module of one is imported when it is looked up."""

    def __getitem__(self, name: str) -> click.Command:
        module, function = COMMANDS[name].split(":")
        return getattr(import_module(module), function)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Group(click.Group):
    """Ends on a zoo error with one line and the error's own exit code; Ctrl-C ends with 130."""

    def main(self, *arguments, **options):
        try:
            return super().main(*arguments, **{**options, "standalone_mode": False})
        except click.exceptions.Abort:
            click.echo("stopped", err=True)
            sys.exit(130)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except ZooError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)
        except BrokenPipeError:
            # The reader of our output has gone; say nothing more, not even at exit.
            sys.stdout = None
            sys.exit(1)


@click.group(cls=Group, commands=Commands(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zoo")
def main() -> None:
    """Sequence models with pretrained weights: list, predict, evaluate, generate, fine-tune, compare, train."""


if __name__ == "__main__":
    main()
