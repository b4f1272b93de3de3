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


@dataclass(frozen=True)
class PageInfo:
    """One page: its file below explorer/, its name in the navigation, its icon and its place in the URL."""

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
    PageInfo("views/structure.py", "Structure", "account_tree"),
    PageInfo("views/similarity.py", "Similarity", "grid_on"),
    PageInfo("views/metrics.py", "Metrics", "show_chart"),
    PageInfo("views/train.py", "Train", "model_training", cursor=False),
)


def main() -> None:
    """Draw the navigation and the sidebar, then the page."""
    st.set_page_config(page_title="MTSL Explorer", page_icon=str(ROOT / "assets" / "icon.svg"), layout="wide")
    st.logo(str(ROOT / "assets" / "logo.svg"), size="large", icon_image=str(ROOT / "assets" / "icon.svg"))
    st.html(ROOT / "assets" / "style.css")
    page = st.navigation(
        [
            st.Page(info.file, title=info.title, icon=f":material/{info.icon}:", url_path=info.url, default=not number)
            for number, info in enumerate(PAGES)
        ]
    )
    info = next(info for info in PAGES if info.title == page.title)
    state.begin(info.url)
    choose_run(library.listing(), with_grain=info.cursor)
    for notice in state.notices():
        st.warning(plain(notice), icon=":material/link_off:")
    page.run()
    state.sync()


if __name__ == "__main__":
    main()
