"""The recipes of all checkpoints by name, with their scores; the other files of this folder define them."""

import dataclasses

from zoo.errors import InputError, unknown
from zoo.recipes import forecasting, memory, next_step, pronunciation, series, text, translation
from zoo.recipes.reached import REACHED
from zoo.recipes.recipe import Recipe

RECIPES = {
    name: dataclasses.replace(recipe, expected=REACHED.get(name, {}))
    for module in (pronunciation, text, series, next_step, memory, forecasting, translation)
    for name, recipe in module.RECIPES.items()
}


def find(name: str) -> Recipe:
    """Returns a recipe by name.

    Raises:
        InputError: There is no recipe of that name.
    """
    if name not in RECIPES:
        raise InputError(unknown("recipe", name, RECIPES, "it has the name of its checkpoint: see zoo list"))
    return RECIPES[name]
