"""``zoo weights``: manage weights files on this machine and publish them."""

from pathlib import Path

import click

from zoo.checkpoints import cache, locate
from zoo.errors import WeightsError

from .commands import _example
from .output import echo, echo_json


@click.group(epilog=_example("zoo weights list"))
def weights() -> None:
    """Manage weights files: list, fetch, verify, prune, publish."""


@weights.command("list", epilog=_example("zoo weights list --json"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array instead of lines.")
def list_command(as_json: bool) -> None:
    """List the checkpoints on this machine, and where their weights are."""
    result = cache.local_checkpoints()
    if as_json:
        echo_json([one.to_json() for one in result])
        return
    for one in result:
        size = "not fetched" if one.bytes is None else f"{one.bytes / 1e6:.1f} MB"
        echo(f"{one.name}\t{one.place}\t{size}\t{one.folder}")


@weights.command(epilog=_example("zoo weights fetch gru_small.cmudict"))
@click.argument("names", nargs=-1, required=True)
def fetch(names: tuple[str, ...]) -> None:
    """Make sure that the weights of NAMES are on this machine, fetching those that are not."""
    for name in names:
        record, file = locate.resolve(name)
        echo(f"{record.name}\t{file}")


@weights.command(epilog=_example("zoo weights verify gru_small.cmudict"))
@click.argument("names", nargs=-1)
@click.option("--signed-by", "key", help="Also verify each folder's signature with this public key (PEM).")
def verify(names: tuple[str, ...], key: str | None) -> None:
    """Compare every byte of NAMES (or of all on this machine) with the SHA-256 of their records."""
    result = cache.verify(names)
    if key:
        from zoo.checkpoints import signing

        for one in result:
            signing.check(one.folder, key)
    for one in result:
        echo(f"{one.name}\t{one.place}\t{'damaged' if one.integrity_error else 'ok'}")
    bad = [f"{one.folder}: {one.integrity_error}" for one in result if one.integrity_error]
    if bad:
        remedy = "run zoo weights prune, then zoo weights fetch NAME"
        raise WeightsError(f"{len(bad)} of {len(result)} damaged: {'; '.join(bad)}: {remedy}")


@weights.command(epilog=_example("zoo weights prune --dry-run"))
@click.option("--all", "everything", is_flag=True, help="Also remove intact checkpoints from the cache.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed; remove nothing.")
def prune(everything: bool, dry_run: bool) -> None:
    """Remove damaged checkpoints and leftovers of cut downloads from the cache."""
    for file, reason in cache.prune(everything, dry_run):
        echo(f"{file}\t{reason}")


@weights.command(epilog=_example("zoo weights publish public gru_small.cmudict"))
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--sign", "key", help="Sign each checkpoint with this private key (PEM; OpenSSF model-signing).")
def publish(folder: Path, names: tuple[str, ...], key: str | None) -> None:
    """Write NAMES (by default all that come with the package) as a folder for any static web server.

    Who sets ZOO_WEIGHTS_URL to its address can load them by name. `sha256sum -c SHA256SUMS` checks the folder.
    """
    for record in cache.publish(names or locate.list_models(), folder):
        if key:
            from zoo.checkpoints import signing

            signing.sign(folder / record.name, key)
        echo(f"{record.name}\t{folder / record.name}")
