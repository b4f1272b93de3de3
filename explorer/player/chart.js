// Draws a plotly figure that stays in place: new data update the same drawing, where a chart of Streamlit's own would be
// taken down and built again at every step of the cursor. Plotly's script comes from the installed Python package.

const NARROW = 560 // pixels

let loading = null

function plotly(address) {
  if (window.Plotly) return Promise.resolve(window.Plotly)
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script")
    script.src = new URL(address, document.baseURI)
    script.onload = () => resolve(window.Plotly)
    script.onerror = () => {
      loading = null
      reject(new Error("the script that draws charts could not be loaded"))
    }
    document.head.append(script)
  })
  return loading
}

// Text, lines and background of the page's theme, under what the figure says itself.
function themed(figure, style) {
  const colour = (name) => style.getPropertyValue(name).trim()
  const text = colour("--st-text-color")
  const line = colour("--st-border-color")
  const font = colour("--st-font")
  const layout = { ...figure.layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true }
  layout.font = { family: font, color: text, ...layout.font }
  layout.hoverlabel = {
    bgcolor: colour("--st-secondary-background-color"),
    bordercolor: line,
    align: "left",
    font: { family: font, color: text, size: 12 },
  }
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#868e99", activecolor: text }
  for (const name of Object.keys(layout)) {
    if (/^[xy]axis\d*$/.test(name)) layout[name] = { gridcolor: line, linecolor: line, tickcolor: line, ...layout[name] }
  }
  return layout
}

async function draw(host, data) {
  const Plotly = await plotly(data.script)
  if (host.wanted !== data) return // newer data came while the script was loading
  const figure = JSON.parse(data.figure)
  const layout = themed(figure, getComputedStyle(host))
  host.style.height = `${layout.height}px`
  // on a narrow screen a long legend would lie over the drawing; what a mark is, the pointer still says
  const entries = figure.data.filter((trace) => trace.showlegend === true).length
  if (host.clientWidth < NARROW && entries > 4) layout.showlegend = false
  const config = {
    displaylogo: false,
    displayModeBar: data.save ? "hover" : false,
    modeBarButtons: [["toImage"]],
    toImageButtonOptions: { format: "svg", filename: data.name },
    showSendToCloud: false,
  }
  await Plotly.react(host, figure.data, layout, config)
  if (!host.listening) {
    host.listening = true
    host.on("plotly_click", (event) => host.picked?.(event.points[0]?.customdata))
    host.watcher = new ResizeObserver(() => host.clientWidth && Plotly.Plots.resize(host))
    host.watcher.observe(host)
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".chart")
  host.setAttribute("aria-label", data.alt)
  const known = (value) => Number.isInteger(value) || (typeof value === "string" && value.startsWith("focus:"))
  host.picked = (point) => Array.isArray(point) && known(point[0]) && setTriggerValue("picked", point[0])
  host.wanted = data
  draw(host, data).catch((problem) => {
    host.textContent = `This chart cannot be shown: ${problem.message}. The same facts are in the tables.`
  })
  return () => {
    // Streamlit also cleans up after a call that newer data overtook while the module was loading: then the chart stays
    if (host.isConnected) return
    host.watcher?.disconnect()
    window.Plotly?.purge(host)
  }
}
