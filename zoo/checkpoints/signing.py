"""Who published a folder: signatures of OpenSSF's model-signing, which is an extra (``seqzoo[signing]``)."""

import importlib
import os
from pathlib import Path
from typing import Any

from zoo.errors import InputError, WeightsError

SIGNATURE_FILE = "model.sig"


def sign(folder: Path, key: str | os.PathLike) -> Path:
    """Sign every file of a folder; the signature stands in it as ``model.sig``.

    Args:
        folder: A checkpoint's folder.
        key: A private key on an elliptic curve, as PEM without a password.

    Returns:
        The signature's path.

    Raises:
        InputError: ``model-signing`` is not installed, or the key cannot be used.
    """
    config = _part("signing").Config()
    try:
        config.use_elliptic_key_signer(private_key=key)
    except Exception as error:  # the library lets those of its parts through: OSError, ValueError, TypeError
        raise InputError(f"{key}: {_line(error)}: give a private key on an elliptic curve, as PEM") from None
    config.set_hashing_config(_hashing())
    config.sign(folder, folder / SIGNATURE_FILE)
    return folder / SIGNATURE_FILE


def check(folder: Path, key: str | os.PathLike) -> None:
    """Check a folder's signature: that its files are those that the owner of a key signed.

    Args:
        folder: A folder with a ``model.sig``.
        key: The owner's public key, as PEM.

    Raises:
        InputError: ``model-signing`` is not installed, or the key cannot be used.
        WeightsError: There is no signature, it is another's, or a file is not the one that was signed.
    """
    config = _part("verifying").Config()
    try:
        config.use_elliptic_key_verifier(public_key=key)
    except Exception as error:
        raise InputError(f"{key}: {_line(error)}: give a public key on an elliptic curve, as PEM") from None
    if not (folder / SIGNATURE_FILE).is_file():
        raise WeightsError(f"{folder}: has no {SIGNATURE_FILE}: fetch it too, or do without the check")
    config.set_hashing_config(_hashing())
    try:
        config.verify(folder, folder / SIGNATURE_FILE)
    except Exception as error:
        # Whatever is wrong with the signature's form or its content, it does not vouch for the folder.
        raise WeightsError(
            f"{folder / SIGNATURE_FILE}: does not vouch for the folder ({_line(error)}): do not use it"
        ) from None


def _hashing() -> Any:
    return _part("hashing").Config().set_ignored_paths(paths=[SIGNATURE_FILE])


def _part(name: str) -> Any:
    try:
        return importlib.import_module(f"model_signing.{name}")
    except ImportError:
        raise InputError('signatures need model-signing: pip install "seqzoo[signing]"') from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
