"""What all pages share: the sidebar with the run, and the cursor bar with its timeline, buttons and keys;
charts that stay in place, the graph that moves, and the button that takes data away."""

from explorer.player.animation import offer_animation
from explorer.player.bar import Scene, cursor_page, jump, pick
from explorer.player.chart import show_chart, show_drawing
from explorer.player.choices import choose_baseline, choose_pair, choose_stage, choose_tasks
from explorer.player.download import offer_file
from explorer.player.examples import show_examples
from explorer.player.gallery import show_frames, show_panels
from explorer.player.graph import graph_works, show_graph
from explorer.player.learned import show_learned
from explorer.player.save import offer_drawing, show_table, structure_menu
from explorer.player.sidebar import choose_run

__all__ = [
    "Scene",
    "choose_baseline",
    "choose_pair",
    "choose_run",
    "choose_stage",
    "choose_tasks",
    "cursor_page",
    "graph_works",
    "jump",
    "offer_animation",
    "offer_drawing",
    "offer_file",
    "pick",
    "show_chart",
    "show_drawing",
    "show_examples",
    "show_frames",
    "show_graph",
    "show_learned",
    "show_panels",
    "show_table",
    "structure_menu",
]
