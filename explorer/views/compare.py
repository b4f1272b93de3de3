"""Compare: two to six runs at one cursor, where their structures differ, what they reach and at what size."""

import streamlit as st

from explorer import comparison, library, words
from explorer.figures import compare
from explorer.figures.compare import Member
from explorer.player import Scene, cursor_page, pick, show_drawing
from explorer.player.sidebar import chosen


def _side_by_side(scene: Scene, members: list[Member]) -> None:
    each = 2 if len(members) in (2, 4) else 3
    for start in range(0, len(members), each):
        for member, column in zip(members[start : start + each], st.columns(each, gap="medium"), strict=False):
            with column:
                st.markdown(f"**{member.letter} · {words.plain(member.name)}**")
                st.caption(words.plain(compare.where(member)))
                alike = member.header.tasks == scene.history.header.tasks
                show_drawing(compare.side_drawing(member), scene.file(f"with-{member.name}"), pick if alike else None)


def _structures(scene: Scene, members: list[Member]) -> None:
    st.subheader("Who shares what")
    first = members[0]
    other = comparison.other_of(members, scene.view)
    ground, comparable = compare.common_ground([first, other]), compare.comparable(members)
    notes = dict.fromkeys((*ground.notes, *compare.common_ground(comparable).notes))
    if other in comparable:
        st.markdown(words.plain(compare.difference_sentence(first, other)))
        left, right = st.columns([5, 4], gap="large")
        with left:
            drawing = compare.difference_drawing(first, other, scene.view.focus)
            show_drawing(drawing, scene.file("difference"), pick)
        with right:
            show_drawing(compare.pairs_drawing(comparable, scene.view.focus), scene.file("pairs"), pick)
            if len(comparable) > 2:
                show_drawing(compare.agreement_drawing(comparable), scene.file("agreement"))
    else:
        st.info(
            f"These structures cannot be compared: that takes two tasks and a stage that both runs have. They have "
            f"{len(ground.tasks[0])} and {len(ground.stages[0])} in common."
        )
    if notes:
        st.caption(words.plain(" ".join(notes)))


def _quality(scene: Scene, members: list[Member]) -> None:
    st.subheader("What they reach, at what size")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        baseline = comparison.baseline_of(members, scene.view)
        task = comparison.measure_of(members, scene.view)
        comparison.size_choice(scene.view)
    st.dataframe(compare.table_rows(members, baseline), hide_index=True, height="content")
    st.caption(
        f"{compare.BEST} best of these runs. In brackets: gain over {words.plain(baseline.label)}. Metrics on "
        "validation images."
    )
    if rows := compare.seed_rows(members, baseline):
        st.dataframe(rows, hide_index=True, height="content")
        st.caption("Over seeds: mean ± sample standard deviation of the runs of a method, each where it stands.")
    if notes := compare.other_conditions(members):
        st.caption(words.plain(" ".join(notes)))
    left, right = st.columns(2, gap="large")
    with left:
        show_drawing(compare.gains_drawing(members, baseline, scene.view.focus), scene.file("gains"), pick)
    with right:
        show_drawing(compare.quality_drawing(members, baseline, task, scene.view.size), scene.file("quality"))
    show_drawing(compare.curves_drawing(members, baseline, task), scene.file("curves"), pick)


def _page() -> None:
    st.title("Compare")
    first = chosen()
    entries = library.listing()
    others = comparison.choose_others(entries, first) if first else []

    def draw(scene: Scene) -> None:
        assert first is not None  # there is no scene without a run
        members = comparison.members_of(scene, first, others)
        if len(members) < 2:
            comparison.offer(scene, entries)
        else:
            comparison.lock_choice(scene.view)
        _side_by_side(scene, members)
        if len(members) > 1:
            _structures(scene, members)
            _quality(scene, members)

    cursor_page(draw)


if __name__ == "__main__":  # as Streamlit runs a page
    _page()
