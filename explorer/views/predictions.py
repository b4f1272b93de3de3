"""Predictions: what every task says about a sample image at the cursor, where it errs, and how that came about."""

import streamlit as st

from explorer import state, words
from explorer.figures.predictions import classes_drawing, film_drawing, predictions_drawing, values_drawing
from explorer.player import (
    Scene,
    choose_tasks,
    cursor_page,
    offer_drawing,
    pick,
    show_drawing,
    show_examples,
    show_frames,
    show_panels,
)
from explorer.predictions import Shown, frames_of, image_count, panels_at, table_at
from explorer.reading import CLASSES, FILM, VALUES, examples
from explorer.samples import predictions_at, saved

NO_SAMPLES = (
    "This run keeps no sample images so far. Runs that are trained here save some at the end of every phase when "
    "`training.samples` is 1 or more (on the command line `--set training.samples=4`). A training loop of your own "
    "saves them with `RunWriter.save_arrays` and a `samples_saved` event; which arrays, the README says."
)
_FEW = 12


def _controls(scene: Scene, count: int) -> int:
    """Draw the choices; returns the number of the image. One that the run lacks falls back to the first."""
    image, kinds = scene.view.image, examples(scene.history.header)
    if image >= count:
        st.warning(
            f"The link says image={image}, but this run keeps {count} {kinds}, counted from 0. Showing the first.",
            icon=":material/link_off:",
        )
        image = 0
        state.change(image=image)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        key = state.held(state.IMAGE, image)

        def chosen() -> None:
            state.change(image=st.session_state[key])

        def name(number: int) -> str:
            return str(number + 1)

        label = kinds[:-1].capitalize()
        if count <= _FEW:
            st.segmented_control(label, range(count), format_func=name, required=True, key=key, on_change=chosen)
        else:
            st.selectbox(label, range(count), format_func=name, key=key, width=120, on_change=chosen)
        choose_tasks(scene)
    return image


def _problems(shown: Shown) -> None:
    for problem in shown.problems:
        st.error(words.plain(problem), icon=":material/broken_image:")


def _now(scene: Scene, image: int) -> None:
    history, index = scene.history, scene.snapshot.index
    if table := table_at(scene.opened.run.folder, history, index):
        show_examples(scene, table, image)
        return
    shown = panels_at(scene.opened.run.folder, history, index, image, scene.view.tasks)
    latest = predictions_at(history, index)
    if latest is None:
        later = next(iter(saved(history, "predictions")), None)
        when = f" The first come at event {later[0]}, {words.place(later[1])}." if later else ""
        st.info(f"No predictions up to this moment: here is what the network sees and should say.{when}")
    else:
        st.caption(words.plain(f"{shown.where[0].upper()}{shown.where[1:]}, saved at event {latest[0]}."))
    _problems(shown)
    if not shown.panels:
        return
    show_panels(history.header, shown.panels, scene.view.focus, "Predictions of every task", pick)
    offer_drawing(predictions_drawing(history.header, shown.panels, shown.where), scene.file(f"predictions-{image}"))


def _over_the_phases(scene: Scene, image: int) -> None:
    history, index = scene.history, scene.snapshot.index
    task = scene.view.tasks[0] if scene.view.tasks else history.order()[0]
    st.subheader(words.plain(f"{history.header.tasks[task].label} over the phases"))
    shown = frames_of(scene.opened.run.folder, history, image, task)
    _problems(shown)
    if not shown.frames:
        st.info("No predictions of this task are saved so far. Runs save them at the end of every phase.")
        return
    if history.header.tasks[task].kind == "class":
        st.caption(CLASSES)
        drawing = classes_drawing(history, index, shown.frames, task, shown.where)
        show_drawing(drawing, scene.file(f"classes-{image}"), pick)
    elif history.header.tasks[task].kind == "value":
        st.caption(VALUES)
        drawing = values_drawing(history, index, shown.frames, task, shown.where)
        show_drawing(drawing, scene.file(f"values-{image}"), pick)
    else:
        st.caption(FILM)
        drawing = film_drawing(history, index, shown.frames, task, shown.where)
        show_frames(history, shown.frames, index, drawing.alt, pick)
        offer_drawing(drawing, scene.file(f"film-{image}"))


def _draw(scene: Scene) -> None:
    count = image_count(scene.history)
    if not count:
        st.info(NO_SAMPLES, icon=":material/image:")
        return
    image = _controls(scene, count)
    _now(scene, image)
    _over_the_phases(scene, image)


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Predictions")
    cursor_page(_draw)
