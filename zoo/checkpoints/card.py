"""The model card of a fine-tuned model, written from its record."""

import shlex
from typing import Any

from zoo.checkpoints.scores import shown, shown_interval

EPOCHS = 20  # maximum rows of the curve; a longer one is thinned to every second, third, ... row


def model_card(document: dict[str, Any]) -> str:
    """Returns a model card as Markdown.

    Args:
        document: The record's JSON values, without the weights.
    """
    spec, data, training = document["spec"], document["data"], document["training"]
    recipe = training["recipe"]
    training_config, columns = recipe["training_config"], recipe.get("columns", {})
    sizes = ", ".join(f"{name} {size:,}" for name, size in data["splits"].items())
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    named = ", ".join(f"{key} `{value}`" for key, value in columns.items() if isinstance(value, str) and value)
    labels = spec["preprocessor"].get("labels")
    lines = [
        f"# {document['name']}",
        "",
        f"{spec['architecture']} ({spec['size']}) for {spec['task']}, made with seqzoo's `zoo finetune`.",
        "",
        f"- Base model: {recipe['base']}",
        *([f"- Labels: {_listed(labels)}"] if labels else []),
        f"- Licence of the weights: {document['licence']['weights']}",
        f"- Licence of the data: {document['licence']['data']}",
        "",
        "## Data",
        "",
        f"`{data['name']}`" + (f", columns: {named}" if named else ""),
        "",
        f"- Rows: {sizes}",
        *(f"- The {part} part: {_origin(recipe, part)}" for part in ("validation", "test")),
        f"- SHA-256 of the training rows (`zoo.datasets.fingerprint`): `{data['fingerprint']}`",
        "",
        "## Scores",
        "",
        *_scores(document),
        "",
        *_kept(recipe),
        "The test part was scored once, after training; the validation part chose the weights. Intervals are 95 %",
        "bootstrap over the test rows: they do not cover data from other sources.",
        "",
        "## Training",
        "",
        f"{training['steps']:,} steps in {training['seconds']:.0f} s on {training['backend']}, seed {training['seed']}"
        f" ({versions}).",
        f"Training config: {', '.join(f'{key} {value}' for key, value in training_config.items())}.",
        "",
        *_curve(training["curve"]),
        "",
        "## Use",
        "",
        "```python",
        "import zoo",
        "",
        'model = zoo.load("path/of/this/folder")',
        f"model.predict({_example(document)}{', horizon=' + str(recipe['horizon']) if 'horizon' in recipe else ''})",
        "```",
        "",
        "```",
        *(_forecasts(columns, recipe["horizon"]) if "horizon" in recipe else _commands(spec["task"], columns)),
        "```",
    ]
    return "\n".join(lines) + "\n"


def modified_card(document: dict[str, Any]) -> str:
    """Returns the Markdown card of a model whose weights changed after its record was written."""
    base, spec = document["training"]["recipe"]["modified_from"], document["spec"]
    lines = [
        f"# {document['name']}",
        "",
        f"{spec['architecture']} ({spec['size']}) for {spec['task']}, modified from {base['name']}.",
        "",
        f"- SHA-256 of the original weights: `{base['sha256']}`",
        f"- Licence of the weights: {document['licence']['weights']}",
        f"- Licence of the data: {document['licence']['data']}",
        "- Scores: none. The original scores do not apply to these weights; measure with `zoo evaluate`.",
    ]
    return "\n".join(lines) + "\n"


def _kept(recipe: dict[str, Any]) -> list[str]:
    kept = recipe.get("kept") == "zero-shot"
    return ["Fine-tuning did not improve the test part: the weights are those of the base model.", ""] * kept


def _listed(names: list[str]) -> str:
    shown = [" ".join(name.split()) for name in names[:50]]
    return ", ".join(f"`{name}`" for name in shown) + (f" and {len(names) - 50} more" if len(names) > 50 else "")


def _origin(recipe: dict[str, Any], part: str) -> str:
    if "horizon" in recipe:
        steps = f"the last {recipe['windows']} windows of {recipe['horizon']} steps of each series"
        return steps if part == "test" else "at most as many steps before the test part"
    if recipe.get(part, "drawn") != "drawn":
        return f"`{recipe[part]}`"
    group = recipe.get("columns", {}).get("group")
    by = f"whole groups by column `{group}`" if group else "by a hash of each input"
    rest = " that the test part leaves" if part == "validation" and recipe.get("test", "drawn") == "drawn" else ""
    return f"a tenth drawn from the rows{rest}, {by}, seed {recipe['training_config']['seed']}"


def _scores(document: dict[str, Any]) -> list[str]:
    metrics = document["metrics"][0]
    names = list(metrics["values"])
    cells = [shown_interval(name, value) for name, value in metrics["values"].items()]
    rows = [["this model, 95 % interval", *cells]]
    for figure in document["published"]:
        values = [shown(n, figure["values"][n]) if n in figure["values"] else "" for n in names]
        rows.append([f"baseline: {figure['system']}", *values])
    head = [f"{metrics['size']:,} test inputs", *map(_name, names)]
    return _table(head, rows)


def _curve(curve: list[dict[str, Any]]) -> list[str]:
    scores = [key for key in curve[0] if key not in ("epoch", "loss", "step", "seconds")]
    every = -(-len(curve) // EPOCHS)
    chosen = [row for i, row in enumerate(curve) if i % every == 0 or i == len(curve) - 1]
    rows = [[str(row["epoch"]), f"{row['loss']:.4f}", *(shown(key, row[key]) for key in scores)] for row in chosen]
    return _table(["epoch", "loss", *(f"validation {_name(key)}" for key in scores)], rows)


def _name(score: str) -> str:
    if score in ("mae", "rmse"):
        return {"mae": "mean absolute error", "rmse": "root mean squared error"}[score]
    return score.upper() if len(score) <= 3 else score.replace("_", " ")


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def _example(document: dict[str, Any]) -> str:
    inputs = document["golden"]["inputs"]
    return repr([inputs[0][:80]]) if inputs and isinstance(inputs[0], str) else "inputs"


def _forecasts(columns: dict[str, Any], horizon: int) -> list[str]:
    names = [(key, columns[key]) for key in ("series", "time", "target") if columns.get(key)]
    options = " ".join(f"--{key} {shlex.quote(name)}" for key, name in (*names, ("horizon", str(horizon))))
    return [f"zoo {command} path/of/this/folder data.csv {options}" for command in ("forecast", "evaluate")]


def _commands(task: str, columns: dict[str, Any]) -> list[str]:
    if task.startswith("series_"):
        names = [(key, columns[key]) for key in ("series", "time", "input", "target") if columns.get(key)]
        options = " ".join(f"--{key} {shlex.quote(name)}" for key, name in names)
        return ["zoo predict path/of/this/folder SERIES", f"zoo evaluate path/of/this/folder DATA {options}".rstrip()]
    option = f" --input {shlex.quote(columns['input'])}" if columns.get("input") else ""
    target = shlex.quote(columns.get("target") or "COLUMN")
    return [
        f"zoo predict path/of/this/folder --file data.csv{option} > predictions.csv",
        f"zoo evaluate path/of/this/folder data.csv{option} --target {target}",
    ]
