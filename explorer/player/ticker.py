"""A clock in the browser that runs the fragment it stands in again and again, at a rate that may change at each run.

Streamlit's own, a fragment's `run_every`, does two things that hurt here. Its timer sends along whatever button was
pressed in the same instant, which then counts twice. And what it sends between a click that leads to another page and
that page's arrival still names the page before: the server answers it in that page's name, and the browser then clears
the page that has just come. Ticks of a component travel with the presses of buttons, in one message; and this clock
rests while the script runs and just after a click, when another page may be on its way.
"""

import streamlit as st
import streamlit.components.v2 as components

_TICKS = "_ticks"
_SCRIPT = """
const CALM = 2000 // after a click: by then the page it leads to has come, or the script runs
const CURSOR = ".st-key-cursor-bar, .st-key-second-keys" // these lead to no other page, and play goes on at once
const DRAWN = '[data-testid="stElementContainer"], [data-testid="stLayoutWrapper"]'
const app = () => document.querySelector('[data-testid="stApp"]')
const busy = () => !["notRunning", undefined].includes(app()?.dataset.testScriptState)
const clicks = (document.mtslClicks ??= watched()) // once, however many clocks there are

function watched() {
  const clicks = { last: -Infinity }
  const note = (event) => {
    const leads = event.type === "popstate" || (event.target.closest?.("a, button") && !event.target.closest(CURSOR))
    if (leads) clicks.last = performance.now()
  }
  addEventListener("click", note, true)
  addEventListener("popstate", note, true)
  return clicks
}

function lost() { // nothing in the page's own part: see `ticker`
  const main = document.querySelector('[data-testid="stMainBlockContainer"]')
  return main !== null && main.querySelector(DRAWN) === null
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".ticker")
  host.tick = () => setTriggerValue("tick", data.answered)
  host.lost = () => setTriggerValue("lost", data.answered)
  host.guards = data.guards
  host.waits = null // this run answers the last tick
  if (host.seconds !== data.seconds || host.timer === undefined) {
    clearInterval(host.timer)
    host.seconds = data.seconds
    host.next = performance.now() + 1000 * data.seconds
    host.empty = 0
    const often = data.seconds ? Math.min(50, 500 * data.seconds) : 500
    const look = () => {
      const now = performance.now()
      if (busy()) return void (host.empty = 0)
      if (host.guards && lost()) {
        host.empty ||= now
        if (now - host.empty > 400) (host.empty = now + 5000), host.lost()
        return
      }
      host.empty = 0
      if (!data.seconds || now < host.next || now - clicks.last < CALM) return
      if (host.waits !== null && now - host.waits < 10_000) return // the last tick is not answered yet
      host.next = now + 1000 * data.seconds
      host.waits = now
      host.tick()
    }
    if (data.seconds || data.guards) host.timer = setInterval(look, often)
  }
  return () => host.isConnected || clearInterval(host.timer)
}
"""
_TICKER = components.component(
    "mtsl_explorer.ticker", html='<div class="ticker"></div>', js=_SCRIPT, isolate_styles=False
)


def ticker(seconds: float | None, key: str, guards: bool = False) -> bool:
    """Run this fragment again every so many seconds, or not by itself (None); takes no room on the page.

    One that `guards` also watches over the page as a whole, whatever its rate. The answer is whether this run was asked
    for because the browser shows no page at all though nothing runs any more, which a late message can still bring
    about; only a full run draws the page again.
    """
    name = f"{_TICKS}-{key}"
    count: int = st.session_state.get(name, 0)
    st.session_state[name] = count + 1  # each run sends something new, or the clock would not know of its answer
    with st.container(key=f"ticker-{key}"):
        found = _TICKER(
            data={"seconds": seconds, "answered": count, "guards": guards},
            key=f"ticks-{key}",
            on_tick_change=lambda: None,
            on_lost_change=lambda: None,
        )
    return found.lost is not None
