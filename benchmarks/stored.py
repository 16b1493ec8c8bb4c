"""Print the share of steps that each layer of a hierarchical_attention checkpoint stores, on its test split.

    zoo train hierarchical_attention_small.jsb_chorales --set gate=0.9 --output gated
    python benchmarks/stored.py gated

Without a gate every step is stored. With a gate, steps too similar to a stored step in the window are not.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import zoo  # noqa: E402
from zoo import datasets  # noqa: E402
from zoo.training.config import TrainingConfig  # noqa: E402


def shares(pipeline, examples) -> dict[str, float]:
    """Returns the share of the steps of ``examples`` that each layer stores, by layer name."""
    from keras import ops

    from zoo.models.backbones.hierarchical_attention import WindowsLayer

    layers = [block for block in pipeline.model.backbone.blocks if isinstance(block, WindowsLayer)]
    kept = {layer.name: 0.0 for layer in layers}
    steps, real = 0.0, None

    def counting(layer):
        decide = layer._stored

        def stored(y, mask):
            flags = decide(y, mask)
            kept[layer.name] += float((ops.convert_to_numpy(flags) * real).sum())
            return flags

        return stored

    for layer in layers:
        layer._stored = counting(layer)
    batches = pipeline.task.batches(pipeline.preprocessor, examples, TrainingConfig(batch_size=16))
    for inputs, _, real in batches.epoch(0):  # `stored` reads `real`, so padding is not counted
        steps += real.sum()
        pipeline.model(inputs)
    return {name: count / steps for name, count in kept.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    arguments = parser.parse_args()
    pipeline = zoo.load(arguments.checkpoint)
    examples = datasets.load(pipeline.document["data"]["name"], "test")
    for name, share in shares(pipeline, examples).items():
        print(f"{name}: {share:.1%} of the steps are stored")


if __name__ == "__main__":
    main()
