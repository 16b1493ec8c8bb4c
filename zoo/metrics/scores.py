"""How scores are written for people. Imports nothing, for listing records must stay quick."""

NO_SHARES = frozenset({"nll", "bpc", "nats", "mse", "step_loss", "bits_per_byte", "word_perplexity"})
"""Metrics that are numbers of their own: nats per step, bits per character, squares. All others are shares."""


def shown(name: str, value: float) -> str:
    """Returns a metric's value: a share as a percentage, another number with four digits."""
    return f"{value:.4g}" if name in NO_SHARES else f"{100 * value:.2f} %"
