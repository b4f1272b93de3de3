"""Robustness: what each task keeps of its performance when images are corrupted, shifted or attacked."""

import streamlit as st

from core.robustness.records import Family, Suite
from core.runs import RunError
from explorer import library, words
from explorer.figures.robustness import attacks_drawing, heat_drawing, severity_drawing, summary_rows, transfer_drawing
from explorer.figures.robustness.attacks import attack_names, radii
from explorer.figures.robustness.heat import READING
from explorer.glossary import GLOSSARY
from explorer.player import Scene, choose_tasks, cursor_page, pick, show_drawing, show_panels, show_table
from explorer.robust.controls import choose_family, choose_level, choose_reference, choose_under, measuring
from explorer.robust.previews import preview_at, preview_names
from explorer.robust.records import families, latest, measured

FAMILIES: tuple[Family, ...] = ("corruption", "shift", "attack")
_MEASURES = ("rPC", "mCE", "relative mCE")


def _where(suite: Suite) -> str:
    """Of which weights and images a suite is."""
    at, conditions = suite.settings[0], suite.conditions
    weights = f"start of phase {conditions.phase}" if conditions.phase is not None else f"epoch {at.epoch}"
    return f"{weights}, {conditions.samples} {conditions.split} images"


def _told(scene: Scene, suite: Suite) -> None:
    at = suite.settings[0]
    later = at.epoch > scene.snapshot.event.epoch
    text = f"Measured on the weights of epoch {at.epoch}{', which come after the cursor' if later else ''}, on "
    text += f"{suite.conditions.samples} {suite.conditions.split} images, by {suite.conditions.tool}."
    st.caption(words.plain(text))


def _summary(scene: Scene, suite: Suite, reference: Suite | None) -> None:
    st.subheader("In numbers", help=" ".join(f"**{name}**: {GLOSSARY[name]}" for name in _MEASURES))
    rows = summary_rows(scene.history.header, suite, scene.history.order(), reference)
    show_table(rows, "robustness-summary", "Robustness of every task", scene.file("robustness"))


def _shifted(scene: Scene, suite: Suite, reference: tuple[str, Suite] | None) -> None:
    header, order, focus, where = scene.history.header, scene.history.order(), scene.view.focus, _where(suite)
    _summary(scene, suite, reference[1] if reference else None)
    st.subheader("As severity rises")
    drawing = severity_drawing(header, suite, order, focus, where, reference)
    show_drawing(drawing, scene.file("severity"), pick)
    st.subheader("Every one of them")
    st.caption(READING)
    show_drawing(heat_drawing(header, suite, order, focus, where), scene.file("robustness-heat"), pick)


def _attacked(scene: Scene, suite: Suite) -> None:
    header, order, focus, where = scene.history.header, scene.history.order(), scene.view.focus, _where(suite)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        attack = choose_under("Attack", list(reversed(attack_names(suite))))
        strengths = radii(suite, attack)
        place = choose_level("Largest change of a value, of 255", [f"{255 * radius:g}" for radius in strengths])
    curves, matrix = st.columns([3, 2], gap="large")
    with curves:
        st.subheader("As the attack grows")
        st.caption("A panel for the task that is attacked; lines are the tasks that are watched.")
        show_drawing(attacks_drawing(header, suite, attack, order, focus, where), scene.file("attacks"), pick)
    with matrix:
        st.subheader("Who falls when whom is attacked")
        drawing = transfer_drawing(header, suite, attack, strengths[place], order, focus, where)
        show_drawing(drawing, scene.file("transfer"), pick)


def _preview(scene: Scene, suite: Suite) -> None:
    names = preview_names(suite)
    if not names:
        return
    st.subheader("What the network sees, and says")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = choose_under("Under", names)
        shown = preview_at(scene, suite, name)
    for problem in shown.problems:
        st.error(words.plain(problem), icon=":material/broken_image:")
    if shown.panels:
        st.caption(words.plain(f"{shown.where[0].upper()}{shown.where[1:]}."))
        show_panels(scene.history.header, shown.panels, scene.view.focus, "Predictions under a shift", pick)


def _draw(scene: Scene) -> None:
    folder = scene.opened.run.folder
    try:
        found = measured(folder)
    except RunError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return
    known = families(found)
    measuring(folder, [family for family in FAMILIES if family not in known])
    if not known:
        st.info(words.NO_ROBUSTNESS, icon=":material/shield:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        family = choose_family(known)
        suite = latest(found, family, scene.snapshot.event.epoch)
        assert suite is not None
        choose_tasks(scene)
        reference = choose_reference(scene, suite, library.listing()) if family != "attack" else None
    _told(scene, suite)
    if family == "attack":
        _attacked(scene, suite)
    else:
        _shifted(scene, suite, reference)
        _preview(scene, suite)


if __name__ == "__main__":  # as Streamlit runs a page
    st.title("Robustness")
    cursor_page(_draw)
