"""Learn: MTSL in eight short steps on the run at hand, each with formula, numbers at the cursor and view."""

import streamlit as st

from explorer import state, words
from explorer.figures import Drawing, matrix_drawing, metrics_drawing, scores_drawing, sharing_drawing
from explorer.glossary import GLOSSARY
from explorer.labels import LABELS, METRICS, matching, settings
from explorer.lesson_bar import enter, step_bar
from explorer.lessons import LESSONS, Lesson
from explorer.lessons.numbers import block
from explorer.names import get_name
from explorer.player import Scene, cursor_page, pick, show_drawing
from explorer.reading import learns_otherwise

_LINKS = {
    "graph": ("views/structure.py", "Structure"),
    "losses": ("views/metrics.py", "Metrics"),
    "matrix": ("views/similarity.py", "Similarity"),
    "scores": ("views/similarity.py", "Similarity"),
}
"""What a step shows -> the page that shows it in full."""


def _tell(scene: Scene, lesson: Lesson, step: int) -> None:
    st.subheader(f"{step + 1}. {lesson.title}")
    st.markdown(lesson.text)
    st.latex(lesson.formula)
    if learns_otherwise(scene.history.header):
        st.info(
            f"These are the steps of MTSL; this run is one of {get_name(scene.history.header.method)}. Choose a run of "
            "MTSL in the sidebar to see them happen.",
            icon=":material/info:",
        )
        return
    numbers, place = lesson.numbers(scene.history, scene.snapshot.index), lesson.place(scene.history)
    if numbers:
        st.caption(f"With the numbers of {words.plain(words.run_title(scene.history.header))} at the cursor")
        st.latex(block(numbers))
    elif place is not None:
        st.info("The run has not come to this yet at the cursor.", icon=":material/hourglass_top:")
    else:
        st.info(
            "This run never does this step. Choose a run of the method `mtsl` in the sidebar to see it happen.",
            icon=":material/info:",
        )
    if place is not None and place != scene.snapshot.index:
        st.button(
            "Go to this step's moment",
            icon=":material/my_location:",
            key="lesson-place",
            on_click=enter,
            args=(scene.history, step),
        )
    file, page = _LINKS[lesson.shows]
    if st.button(f"Open on the {page} page", icon=":material/open_in_new:", type="tertiary", key="lesson-open"):
        st.switch_page(file)


def _view(scene: Scene, lesson: Lesson) -> Drawing | None:
    """The view of the run that belongs to a step, at the cursor; None if there is nothing to show yet."""
    history, index = scene.history, scene.snapshot.index
    if lesson.shows == "losses":
        return metrics_drawing(history, index, "loss", scene.view.tasks)
    if lesson.shows == "graph":
        return sharing_drawing(history, scene.snapshot)
    measured = [found for found in history.measured(index) if found.decision or lesson.shows == "matrix"]
    if not measured:
        return None
    if lesson.shows == "matrix":
        return matrix_drawing(history, measured[-1], scene.view.scale)
    return scores_drawing(history, measured[-1])


def _draw(scene: Scene) -> None:
    step = min(scene.view.step, len(LESSONS) - 1)
    if step != scene.view.step:
        st.warning(f"There is no step {scene.view.step}: the steps are 0 to {step}. Showing the last one.")
        state.change(step=step)
    lesson = LESSONS[step]
    step_bar(scene.history, step)
    text, view = st.columns(2, gap="large")
    with text, st.container(key="lesson-text"):
        _tell(scene, lesson, step)
    with view:
        drawing = _view(scene, lesson)
        if drawing is None:
            st.info("Nothing was measured before this moment.", icon=":material/hourglass_top:")
        else:
            show_drawing(drawing, scene.file(drawing.key), pick)


def _glossary() -> None:
    st.subheader("Glossary")
    wanted = st.text_input("Find a word", key="glossary", placeholder="for instance: amalgamation", width=360)
    sections = {"Words": GLOSSARY, "Labels": LABELS, "Metrics": METRICS, "Settings of a run": settings()}
    found = {name: matching(entries, wanted) for name, entries in sections.items()}
    if not any(found.values()):
        st.info(f"No entry of the glossary contains “{words.plain(wanted)}”.", icon=":material/search_off:")
    for name, entries in found.items():
        if entries:
            with st.expander(f"{name} ({len(entries)})", expanded=bool(wanted) or name == "Words"):
                for word, meaning in entries.items():
                    st.markdown(f"**{word}** · {meaning}")


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Learn")
    cursor_page(_draw)
    _glossary()
