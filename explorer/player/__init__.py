"""What all pages share: the sidebar with the run, and the cursor bar with its timeline, buttons and keys;
charts that stay in place, and the button that takes data away."""

from explorer.player.bar import Scene, cursor_page, jump, pick
from explorer.player.chart import show_chart, show_drawing
from explorer.player.download import offer_file
from explorer.player.save import show_table, structure_menu
from explorer.player.sidebar import choose_run

__all__ = [
    "Scene",
    "choose_run",
    "cursor_page",
    "jump",
    "offer_file",
    "pick",
    "show_chart",
    "show_drawing",
    "show_table",
    "structure_menu",
]
