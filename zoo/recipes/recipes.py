"""The recipes of all checkpoints by name, with their scores; the other files of this folder define them."""

import dataclasses

from zoo.recipes import forecasting, memory, next_step, pronunciation, series, text, translation
from zoo.recipes.reached import REACHED

RECIPES = {
    name: dataclasses.replace(recipe, expected=REACHED.get(name, {}))
    for module in (pronunciation, text, series, next_step, memory, forecasting, translation)
    for name, recipe in module.RECIPES.items()
}
