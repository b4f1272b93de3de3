"""A figure with everything that goes with it when somebody takes it away: title, caption, description and data."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import plotly.graph_objects as go

from core.tables import Row, csv_text


@dataclass(frozen=True)
class Drawing:
    """One figure of a page, ready to be shown and exported."""

    key: str
    """Names its chart on the page and its files: short, lower case, with hyphens."""
    title: str
    figure: go.Figure
    alt: str
    """What kind of picture it is, for screen readers; the same at every moment."""
    caption: str
    """One to three sentences for a paper: what is shown, of which run, at which moment, and how to read it."""
    rows: Callable[[], list[Row]]
    """Exactly what is on screen, as rows of a table."""

    def csv(self) -> str:
        """Its data as CSV."""
        return csv_text(self.rows())

    def json(self) -> str:
        """Its data as JSON, with title and caption."""
        return json.dumps({"title": self.title, "caption": self.caption, "rows": self.rows()}, indent=1)
