"""Signatures of checkpoint folders, by OpenSSF's model-signing, an extra (``seqzoo[signing]``)."""

import importlib
import os
from pathlib import Path
from typing import Any

from zoo.errors import InputError, WeightsError

SIGNATURE_FILE = "model.sig"


def sign(folder: Path, key: str | os.PathLike) -> Path:
    """Sign every file of a folder; writes the signature to ``model.sig`` in it.

    Args:
        folder: A checkpoint's folder.
        key: Private elliptic-curve key, as PEM without a password.

    Returns:
        Path of the signature.

    Raises:
        InputError: ``model-signing`` is not installed, or the key cannot be used.
    """
    config = _part("signing").Config()
    try:
        config.use_elliptic_key_signer(private_key=key)
    except Exception as error:  # the library passes on errors of its parts: OSError, ValueError, TypeError
        raise InputError(f"{key}: {_line(error)}: give a private key on an elliptic curve, as PEM") from None
    config.set_hashing_config(_hashing())
    config.sign(folder, folder / SIGNATURE_FILE)
    return folder / SIGNATURE_FILE


def check(folder: Path, key: str | os.PathLike) -> None:
    """Check a folder's signature: all files must be those that the owner of the key signed.

    Args:
        folder: A folder with a ``model.sig``.
        key: Public key of the owner, as PEM.

    Raises:
        InputError: ``model-signing`` is not installed, or the key cannot be used.
        WeightsError: The signature is missing, belongs to another key, or does not match a file.
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
        # With any fault in the form or the content of the signature, the folder is not verified.
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
