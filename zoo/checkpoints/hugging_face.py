"""Checkpoints from repositories on the Hugging Face Hub, downloaded by its client and verified by our hash.

The client has its own cache (``HF_HOME``), and files are read from there. The client trusts its cache and the server.
This module checks size and SHA-256 of the record, and downloads a damaged file once more.
"""

import os
import re
from pathlib import Path

from zoo.errors import DownloadError, InputError
from zoo.files import integrity_error

# hf://owner/name, with an optional branch, tag or commit after an @; the default is the newest.
BASE = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", flags=re.ASCII)


def fetch(base: str, filename: str, limit: int) -> Path:
    """Download a file of a repository, or take it from the client's cache.

    With ``ZOO_OFFLINE=1`` only the cache is used, and no socket is opened.

    Args:
        base: ``hf://owner/name``, or ``hf://owner/name@revision``.
        filename: Path of the file in the repository.
        limit: Maximum size in bytes; a larger file is not downloaded.

    Raises:
        DownloadError: The file could not be downloaded, or is too large.
        InputError: The base has another form, or ``huggingface_hub`` is not installed.
    """
    return _fetch(base, filename, limit, force=False)


def fetch_verified(base: str, filename: str, sha256: str, size: int) -> Path:
    """Download as ``fetch`` does, and check the file's SHA-256 and size (raises DownloadError)."""
    path = _fetch(base, filename, size, force=False)
    wrong = integrity_error(path, size, sha256)
    if wrong:
        # The cache is damaged; the client itself never checks its bytes again.
        path = _fetch(base, filename, size, force=True)
        wrong = integrity_error(path, size, sha256)
    if wrong:
        raise DownloadError(f"{base}/{filename}: {path} {wrong}")
    return path


def _fetch(base: str, filename: str, limit: int, force: bool) -> Path:
    form = BASE.fullmatch(base)
    if not form:
        raise InputError(f"ZOO_WEIGHTS_URL: {base!r}: write hf://owner/name, or hf://owner/name@revision")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.utils import disable_progress_bars
    except ImportError:
        raise InputError(f"{base}: needs huggingface_hub: pip install 'seqzoo[hub]'") from None
    offline = os.environ.get("ZOO_OFFLINE", "") not in ("", "0")
    disable_progress_bars()
    try:
        if not offline:
            metadata = hf_hub_download(form[1], filename, revision=form[2], dry_run=True)
            if (metadata.file_size or 0) > limit:
                raise DownloadError(f"{base}/{filename}: {metadata.file_size} bytes, more than the {limit} allowed")
        path = hf_hub_download(
            form[1], filename, revision=form[2], local_files_only=offline, force_download=force and not offline
        )
    # Its errors come from several libraries: OSError, ValueError, and those of its HTTP client.
    except Exception as error:
        if isinstance(error, DownloadError):
            raise
        reason = "not in the client's cache, and ZOO_OFFLINE is set" if offline else " ".join(str(error).split())
        raise DownloadError(f"{base}/{filename}: {reason[:300]}") from None
    return Path(path)
