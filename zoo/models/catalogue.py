"""The table of ``zoo list --architectures``, stored in a file so that listing needs no backend.

``python -m zoo.models.catalogue`` writes ``catalogue.json``. Parameters are counted with 256 token ids for backbones
and documents, and with 32 source and 72 target ids for sequence-to-sequence models. Path lengths are for 1,000 steps.
"""

import json
from pathlib import Path
from typing import Any

from zoo.models.registry import ARCHITECTURES, DOCUMENT, SEQ2SEQ, resolve

FILE = Path(__file__).with_name("catalogue.json")
FORMS = {
    "backbone": (ARCHITECTURES, {"vocab_size": 256}),
    "document": (DOCUMENT, {"vocab_size": 256}),
    "seq2seq": (SEQ2SEQ, {"source_vocab_size": 32, "target_vocab_size": 72}),
}


def rows(sizes: tuple[str, ...] = ("tiny", "small", "base")) -> list[dict[str, Any]]:
    """Build every architecture in the given sizes and return a row for each."""
    result = []
    for form, (table, fields) in FORMS.items():
        for name in table:
            architecture = resolve(table, name)
            for size in sizes:
                config = architecture.configure(size, **fields)
                result.append(
                    {
                        "architecture": name,
                        "form": form,
                        "size": size,
                        "parameters": architecture.build(config).count_params(),
                        "receptive_field": architecture.receptive_field(config),
                        "path_length": architecture.path_length(config, 1_000),
                        # An encoder reads the whole source before the decoder writes its first symbol.
                        "causal": form == "backbone" and config.causal,
                        "paper": architecture.paper,
                    }
                )
    return result


if __name__ == "__main__":
    FILE.write_text(json.dumps(rows(), indent=1) + "\n", "utf-8")
