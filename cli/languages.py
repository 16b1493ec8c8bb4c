"""The language of inputs, for models of many languages."""

from typing import Any

import click

from zoo.errors import InputError

from .output import Text

language_option = click.option(
    "--language", type=Text(), help="Language of the inputs, for a model of many languages: de, pt-BR (see zoo info)."
)


def in_language(preprocessor: Any, language: str | None) -> Any:
    """Returns a preprocessor whose inputs are of one language; unchanged if none is given.

    Raises:
        InputError: The model has no languages, or not this one.
    """
    if language is None:
        return preprocessor
    if not hasattr(preprocessor, "with_language"):
        raise InputError(f"--language {language}: this model has no languages: leave it out")
    try:
        return preprocessor.with_language(language)
    except InputError as error:
        raise InputError(f"--{error}") from None
