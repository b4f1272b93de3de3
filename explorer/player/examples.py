"""The examples of a run that has no pictures: truth and prediction as a table, and one against the other."""

import streamlit as st

from explorer import words
from explorer.figures.predictions import agreement_drawing, count, example_rows
from explorer.player.bar import Scene, pick
from explorer.player.chart import show_drawing
from explorer.player.save import show_table
from explorer.predictions import Table
from explorer.samples import saved


def show_examples(scene: Scene, table: Table, example: int) -> None:
    """Draw all examples at the scene's moment; number `example` stands out."""
    history, view = scene.history, scene.view
    tasks = [task for task in history.order() if not view.tasks or task in view.tasks]
    if table.predictions:
        st.caption(words.plain(f"{table.where[0].upper()}{table.where[1:]}."))
    else:
        later = next(iter(saved(history, "predictions")), None)
        when = f" The first come at event {later[0]}, {words.place(later[1])}." if later else ""
        st.info(f"No predictions up to this moment: here is what the network should say.{when}")
    for problem in table.problems:
        st.error(words.plain(problem), icon=":material/broken_image:")
    if not count(table.inputs, table.predictions):
        return
    if table.inputs and table.predictions:
        drawing = agreement_drawing(
            history.header, tasks, table.inputs, table.predictions, table.where, example, view.focus
        )
        show_drawing(drawing, scene.file("agreement"), pick)
    rows = example_rows(history.header, tasks, table.inputs, table.predictions)
    show_table(rows, "examples", "All examples", scene.file("examples"))
