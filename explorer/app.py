"""The router of the explorer: one list of pages. Start it with `streamlit run explorer/app.py`."""

import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:  # `streamlit run explorer/app.py` puts only explorer/ on the path,
    sys.path.insert(0, str(ROOT))  # but every import starts at the repository's root

import streamlit as st  # noqa: E402

from explorer import library, state  # noqa: E402
from explorer.player import choose_run  # noqa: E402
from explorer.words import plain  # noqa: E402
from explorer.work import status_bar  # noqa: E402


@dataclass(frozen=True)
class PageInfo:
    """One page: its section and name in the navigation, its file below explorer/, its icon and its place in the URL."""

    section: str
    file: str
    title: str
    icon: str
    cursor: bool = True
    """Whether it shows a moment of a run."""

    @property
    def url(self) -> str:
        return Path(self.file).stem


# All pages; the first one opens. Their folder is not called `pages`: Streamlit would run such a file by itself, without
# this router, when it is the first address that anyone opens after the start.
PAGES = (
    PageInfo("This run", "views/structure.py", "Structure", "account_tree"),
    PageInfo("This run", "views/similarity.py", "Similarity", "grid_on"),
    PageInfo("This run", "views/decisions.py", "Decisions", "rule"),
    PageInfo("This run", "views/metrics.py", "Metrics", "show_chart"),
    PageInfo("This run", "views/predictions.py", "Predictions", "image"),
    PageInfo("This run", "views/robustness.py", "Robustness", "shield"),
    PageInfo("All runs", "views/overview.py", "Overview", "dashboard", cursor=False),
    PageInfo("All runs", "views/compare.py", "Compare", "compare"),
    PageInfo("All runs", "views/train.py", "Train", "model_training", cursor=False),
    PageInfo("Help", "views/learn.py", "Learn", "school"),
)


def main() -> None:
    """Draw the navigation and the sidebar, then the page."""
    st.set_page_config(page_title="MTSL Explorer", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
    st.logo(str(ROOT / "assets" / "logo.svg"), size="large", icon_image=str(ROOT / "assets" / "icon.svg"))
    st.html(ROOT / "assets" / "style.css")
    pages: dict[str, list[st.Page]] = {}
    for info in PAGES:
        icon, first = f":material/{info.icon}:", info is PAGES[0]
        page = st.Page(info.file, title=info.title, icon=icon, url_path=info.url, default=first)
        pages.setdefault(info.section, []).append(page)
    page = st.navigation(pages)
    info = next(info for info in PAGES if info.title == page.title)
    state.begin(info.url)
    choose_run(library.listing(), with_grain=info.cursor)
    with st.sidebar:
        status_bar(library.own_root())
    for notice in state.notices():
        st.warning(plain(notice), icon=":material/link_off:")
    page.run()
    state.sync()


if __name__ == "__main__":
    main()
