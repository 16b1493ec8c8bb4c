"""Formatting of scores for users. This module imports nothing, because listing must start fast."""

NO_SHARES = frozenset(
    {
        *("nll", "bpc", "nats", "mse", "mae", "rmse", "r2", "step_loss", "bits_per_byte", "word_perplexity"),
        *("mase", "wql", "relative_mase", "relative_wql"),
        *("bleu", "chrf", "bleu_lowercase", "bleu_error"),
    }
)
"""Metrics with a unit: nats per step, bits per character, squares, points of BLEU. All others are shares."""


def shown(name: str, value: float) -> str:
    """Returns the text of a metric's value: shares as percentages, other numbers with four digits.

    Example:
        >>> shown("accuracy", 0.8972)
        '89.72 %'
        >>> shown("nll", 2.70941)
        '2.709'
    """
    return f"{value:.4g}" if name in NO_SHARES else f"{100 * value:.2f} %"


def shown_interval(name: str, value: dict[str, float]) -> str:
    """Returns the text of a metric with its interval: ``23.10 % (22.40 - 23.90)``."""
    low, high = (shown(name, value[end]).removesuffix(" %") for end in ("low", "high"))
    return f"{shown(name, value['value'])} ({low} - {high})"
