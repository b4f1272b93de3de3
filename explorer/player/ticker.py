"""A clock in the browser that runs the fragment it stands in again and again, at a rate that may change at each run.

A fragment's own `run_every` is set by a full run only, and its timer sends along whatever button was pressed in the
same instant, which then counts twice. Ticks of a component travel with the presses of buttons, in one message.
"""

import streamlit as st
import streamlit.components.v2 as components

_TICKS = "_ticks"
_SCRIPT = """
export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".ticker")
  host.tick = () => setTriggerValue("tick", data.answered)
  host.waits = 0 // this run answers the last tick
  if (host.seconds !== data.seconds) {
    clearInterval(host.timer)
    host.seconds = data.seconds
    const often = 1000 * data.seconds
    // a tick is left out while the last one is not answered, for ten seconds at most
    const beat = () => (host.waits === 0 || host.waits * often > 10_000 ? host.tick() : 0, (host.waits += 1))
    if (data.seconds) host.timer = setInterval(beat, often)
  }
  return () => host.isConnected || clearInterval(host.timer)
}
"""
_TICKER = components.component(
    "mtsl_explorer.ticker", html='<div class="ticker"></div>', js=_SCRIPT, isolate_styles=False
)


def ticker(seconds: float | None) -> None:
    """Run this fragment again every so many seconds, or not by itself (None); takes no room on the page."""
    count: int = st.session_state.get(_TICKS, 0)
    st.session_state[_TICKS] = count + 1 if seconds else count
    with st.container(key="ticker"):
        _TICKER(data={"seconds": seconds, "answered": count}, key="ticks", on_tick_change=lambda: None)
