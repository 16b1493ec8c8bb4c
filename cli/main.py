"""The ``zoo`` command: thin over the package; each subcommand imports what it needs when it runs."""

import sys

import click

from zoo.errors import ZooError
from zoo.version import __version__

from .commands import evaluate, info, list_command, train
from .compare import compare
from .finetune import finetune
from .generate import generate
from .predict import predict
from .probe import probe
from .profile import profile
from .weights import weights


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


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zoo")
def main() -> None:
    """Sequence models with pretrained weights: list, predict, evaluate, generate, fine-tune, compare, train."""


for command in (list_command, info, predict, evaluate, generate, finetune, compare, probe, profile, train, weights):
    main.add_command(command)

if __name__ == "__main__":
    main()
