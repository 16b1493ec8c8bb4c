"""The zoo's download and four others, each called as its users call it, for benchmarks/faults.py.

Keras and torch take an optional hash, so both ways are tested. torch.hub's function only downloads. As in
``torch.hub.load_state_dict_from_url``, it is called only if the file does not exist yet. huggingface_hub takes no hash:
it trusts the server's.
"""

import fcntl
import os
import resource
from pathlib import Path

SIZE = 24_000_000  # bytes; larger than huggingface_hub's pieces of 10 MB
FILE = "model.safetensors"


def zoo(url: str, folder: Path, digest: str):
    from zoo.checkpoints import download

    return download.fetch(url, folder / FILE, digest, SIZE)


def keras(url: str, folder: Path, digest: str | None):
    from keras.utils import get_file

    return get_file(FILE, url, cache_dir=folder, cache_subdir="", file_hash=digest)


def torch(url: str, folder: Path, digest: str | None):
    from torch import hub

    if not (folder / FILE).exists():
        hub.download_url_to_file(url, str(folder / FILE), digest, progress=False)
    return folder / FILE


def huggingface(url: str, folder: Path, digest: str):
    from huggingface_hub import hf_hub_download

    return hf_hub_download("owner/name", FILE, cache_dir=folder, endpoint=url.removesuffix("/" + FILE))


def pooch(url: str, folder: Path, digest: str):
    from pooch import retrieve  # pyright: ignore[reportMissingImports]

    return retrieve(url, f"sha256:{digest}", FILE, folder)


# Title: the required module, the call, and whether the call gets the hash.
SYSTEMS = {
    "zoo": ("zoo", zoo, True),
    "get_file": ("keras", keras, True),
    "get_file, no hash": ("keras", keras, False),
    "torch.hub": ("torch", torch, True),
    "torch.hub, no hash": ("torch", torch, False),
    "huggingface_hub": ("huggingface_hub", huggingface, False),
    "pooch": ("pooch", pooch, True),
}


def client(system: str, url: str, folder: Path, digest: str, sender, limits: set[str]) -> None:
    """Run one call in its own process; its path or error goes through ``sender``."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    if "no locks" in limits:
        fcntl.flock = fcntl.lockf = lambda *arguments: None
    if "no space" in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 8, SIZE // 8))
    from zoo.errors import ZooError

    _, call, hashed = SYSTEMS[system]
    # An error of another kind is a bug of the zoo: the process dies, and the table shows it.
    expected = ZooError if system == "zoo" else Exception
    try:
        sender.send((str(call(url, folder, digest if hashed else None)), ""))
    except expected as error:
        sender.send(("", f"{type(error).__name__}: {error}"))
