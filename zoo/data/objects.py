"""Conversion of Python objects from users to plain rows.

``as_inputs`` serves prediction. ``as_pair`` and ``as_table`` serve examples with targets. Objects of other libraries
are recognised by their attributes, so that no library is imported here.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zoo.data.sound import Sound
from zoo.errors import InputError

FORMS = "texts, paths, arrays, Sound, a pandas Series, tensors or an iterable of these"


def as_inputs(data: Any) -> list[Any]:
    """Returns the inputs of a prediction as a list of texts, paths, ``Sound``, arrays or lists.

    - A text, byte string, path or ``Sound`` is one input.
    - Lists, tuples, generators and other iterables hold one input per item.
    - Arrays, and tensors of TensorFlow, JAX and torch, of numbers or of texts, hold one input per row.
    - A pandas Series or Index, a pyarrow array or a column of a Hugging Face dataset holds one input per row.
    - A table with one column, in any form of ``as_table``, or a list of such dicts.
    - A ``tf.data.Dataset`` of inputs, batched or not.

    Args:
        data: One of these.

    Raises:
        InputError: It is none of them, or a row is missing (None, NaN).
    """
    if isinstance(data, str | bytes | np.str_ | np.bytes_ | os.PathLike | Sound):
        return [_item(data, "the input")]
    if data is None or isinstance(data, int | float | complex | np.number | np.bool_):
        raise InputError(f"{data!r} is not an input: give {FORMS}")
    table = as_table(data)
    if table is not None:
        rows = list(table)
        names = list(rows[0][1]) if rows else []
        if len(names) > 1:
            raise InputError(
                f"a table of {len(names)} columns: give the column with the inputs, one of {', '.join(names)}"
            )
        return [_item(next(iter(row.values())), f"row {i + 1}") for i, (_, row) in enumerate(rows)]
    if hasattr(data, "element_spec"):
        data = list(_unbatched(data))
    array = _as_array(data)
    if array is not None and array.ndim == 0:
        return as_inputs(array.item())
    if array is not None:
        data = array if array.dtype.kind in "iufb" else array.tolist()
    try:
        rows = list(data)
    except TypeError:
        raise InputError(f"an input of type {type(data).__name__}: give {FORMS}") from None
    return [_item(row, f"row {i + 1}") for i, row in enumerate(rows)]


def _item(value: Any, place: str) -> Any:
    """Returns one input, with byte strings as text (raises InputError if it is missing or a single number)."""
    if isinstance(value, bytes | np.bytes_):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError(f"{place}: {bytes(value[:20])!r} is not UTF-8: give texts") from None
    if isinstance(value, np.str_):
        return str(value)
    if is_missing(value):
        raise InputError(f"{place}: the input is missing ({value!r}): remove it or fill it in")
    if isinstance(value, bool | int | float | complex | np.number | np.bool_):
        raise InputError(f"{place}: {value!r} is a number: give {FORMS}")
    if isinstance(value, str | os.PathLike | Sound | list | tuple | np.ndarray):
        return value
    array = _as_array(value)
    if array is None or array.dtype.kind == "O":
        raise InputError(f"{place}: a value of type {type(value).__name__}: give {FORMS}")
    return _item(array.item(), place) if array.ndim == 0 else array


def is_missing(value: Any) -> bool:
    """Returns whether a cell is empty: None, NaN, or a missing value of pandas."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return True
    return type(value).__name__ in ("NAType", "NaTType")


def _as_array(value: Any) -> np.ndarray | None:
    """Returns an array, a tensor or a table column as a NumPy array; ``None`` for other objects."""
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str | bytes | Sequence | Mapping | Iterator):
        return None
    for name in ("detach", "cpu"):  # torch
        value = getattr(value, name)() if hasattr(value, name) else value
    for name in ("to_numpy", "numpy", "__array__"):
        if hasattr(value, name):
            try:
                return np.asarray(getattr(value, name)())
            except (TypeError, ValueError):
                # pyarrow converts text arrays with missing values only if a copy is allowed.
                return np.array(value.to_pylist(), object) if hasattr(value, "to_pylist") else None
    return np.array(value.to_pylist(), object) if hasattr(value, "to_pylist") else None


def as_table(data: Any) -> Iterator[tuple[str, dict[str, Any]]] | None:
    """Yield the location and the cells of each row of a table object; returns ``None`` for other objects.

    Tables are a dict of lists or arrays, a list of dicts, a pandas DataFrame, a pyarrow ``Table`` and a Hugging Face
    ``Dataset``.

    Raises:
        InputError: The columns of a dict differ in length, or the rows of a list differ in their names.
    """
    if hasattr(data, "itertuples") and hasattr(data, "columns"):
        names = list(map(str, data.columns))
        return _rows("DataFrame", names, data.itertuples(index=False, name=None))
    if hasattr(data, "to_pylist") and hasattr(data, "column_names"):
        return _dicts("Table", data.to_pylist())
    if hasattr(data, "column_names") and hasattr(data, "features"):
        return _dicts("Dataset", data)
    if isinstance(data, Mapping):
        columns = {str(name): _column(name, values) for name, values in data.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) != 1:
            shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
            raise InputError(
                f"a dict of columns of different lengths ({shown or 'none'}): give each the same number of rows"
            )
        return _rows("dict", list(columns), zip(*columns.values(), strict=True))
    if isinstance(data, list) and data and all(isinstance(row, Mapping) for row in data):
        return _dicts("row", data)
    return None


def _column(name: Any, values: Any) -> list[Any]:
    array = _as_array(values)
    if array is not None and array.ndim:
        return list(array) if array.ndim > 1 else array.tolist()
    if isinstance(values, list | tuple):
        return list(values)
    raise InputError(f"column {str(name)!r} of type {type(values).__name__}: give a list or an array")


def _rows(name: str, columns: list[str], rows: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for i, row in enumerate(rows):
        yield f"{name}:{i + 1}", dict(zip(columns, row, strict=True))


def _dicts(name: str, rows: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    names: list[str] | None = None
    for i, row in enumerate(rows):
        cells = {str(key): value for key, value in row.items()}
        names = names or list(cells)
        if set(cells) != set(names):
            raise InputError(f"{name}:{i + 1}: columns {', '.join(cells)}, the first row has {', '.join(names)}")
        yield f"{name}:{i + 1}", cells


def as_pair(data: Any) -> tuple[Sequence[Any], Sequence[Any]] | None:
    """Returns inputs and labels of an object with pairs; ``None`` for other objects.

    Pairs are a tuple ``(x, y)``, a ``tf.data.Dataset`` (batched or not), a torch ``Dataset`` or ``DataLoader``, or a
    list of tuples. Labels may be texts, whole numbers, one-hot rows or a column vector.

    Raises:
        InputError: An element is not a pair.
    """
    if isinstance(data, tuple) and len(data) == 2:
        return _plain(data[0]), as_labels(data[1])
    if hasattr(data, "element_spec"):
        elements = _unbatched(data)
    elif hasattr(data, "batch_sampler") and hasattr(data, "dataset"):  # a DataLoader
        loader: Any = data
        elements = _torch_items(loader.dataset)
    elif type(data).__module__.partition(".")[0] == "torch" or _is_torch_dataset(data):
        elements = _torch_items(data)
    elif isinstance(data, list) and data and all(isinstance(row, tuple) and len(row) == 2 for row in data):
        elements = data
    else:
        return None
    pairs = list(elements)
    if not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
        raise InputError(f"{type(data).__name__}: an element is not a pair (input, label): give one of (x, y)")
    x, y = [_plain(pair[0]) for pair in pairs], [_plain(pair[1]) for pair in pairs]
    return x, as_labels(y)


def _is_torch_dataset(data: Any) -> bool:
    names = [f"{kind.__module__}.{kind.__name__}" for kind in type(data).__mro__]
    return any(name.startswith("torch.utils.data") and name.endswith("Dataset") for name in names)


def _torch_items(data: Any) -> Iterator[Any]:
    return (data[i] for i in range(len(data))) if hasattr(data, "__len__") else iter(data)


def _unbatched(data: Any) -> Iterator[Any]:
    """Yield the elements of a ``tf.data.Dataset``; elements of a batch one by one.

    A batch has a first axis of unknown size, or labels with an axis.
    """
    spec = data.element_spec
    if not (isinstance(spec, tuple) and len(spec) == 2) and not hasattr(spec, "shape"):
        raise InputError(f"a tf.data.Dataset of {str(spec)[:80]}: give one of (x, y), or of inputs")
    last = spec[1] if isinstance(spec, tuple) else None
    first = spec[0] if isinstance(spec, tuple) else spec
    batched = bool(last.shape.rank) if last is not None else bool(first.shape.rank) and first.dtype.name == "string"
    if last is not None and batched and last.shape.rank == 1 and last.shape[0] is not None:
        # One-hot labels of single rows have one axis of fixed size; so has a batch of fixed size.
        batched = first.shape.rank == 0 or first.shape[0] == last.shape[0]
        batched = batched and first.shape.rank != 0
    return iter((data.unbatch() if batched else data).as_numpy_iterator())


def _plain(value: Any) -> Any:
    array = _as_array(value)
    if array is None:
        return value
    if array.ndim == 0:
        return array.item()
    return array if array.dtype.kind in "iufb" else array.tolist()


def as_labels(labels: Any) -> Any:
    """Returns labels as a flat sequence: flattens a column vector, and maps one-hot rows to their index."""
    labels = _plain(labels)
    if isinstance(labels, list) and labels and isinstance(labels[0], list | np.ndarray):
        sizes = {np.shape(label) for label in labels}
        if len(sizes) == 1:
            labels = np.array(labels)
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        return labels
    if labels.shape[1] == 1:
        return labels[:, 0].tolist()
    one_hot = (
        np.isin(labels, (0, 1)).all() and (labels.sum(axis=1) == 1).all() if labels.dtype.kind in "iufb" else False
    )
    if not one_hot:
        raise InputError(f"labels of shape {labels.shape}: give one per row, or one-hot rows")
    return labels.argmax(axis=1).tolist()
