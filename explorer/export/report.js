// Draws the figures of a report when they come into sight, in the colours of the page, and again when those change.
// Every figure stands beside its place as JSON. Nothing here asks the network for anything.

const CONFIG = JSON.parse(document.getElementById("config").textContent)
const charts = [...document.querySelectorAll(".chart[data-figure]")]
const figures = new Map() // chart -> figure, read when it is first drawn
let printing = false

function figureOf(chart) {
  if (!figures.has(chart)) figures.set(chart, JSON.parse(document.getElementById(chart.dataset.figure).textContent))
  return figures.get(chart)
}

function themed(layout) {
  const style = getComputedStyle(document.documentElement)
  const colour = (name) => style.getPropertyValue(name).trim()
  const [text, line] = printing ? ["#1c2026", "#dfe2e7"] : [colour("--text"), colour("--line")]
  const font = getComputedStyle(document.body).fontFamily
  const found = { ...layout, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", autosize: true }
  found.font = { family: font, color: text, ...layout.font }
  found.hoverlabel = {
    bgcolor: colour("--shade"), bordercolor: line, align: "left", font: { family: font, color: text, size: 12 },
  }
  found.modebar = { bgcolor: "rgba(0,0,0,0)", color: "#868e99", activecolor: text }
  for (const name of Object.keys(found)) {
    if (/^[xy]axis\d*$/.test(name)) found[name] = { gridcolor: line, linecolor: line, tickcolor: line, ...found[name] }
  }
  return found
}

function draw(chart) {
  const figure = figureOf(chart)
  const entries = figure.layout.showlegend === false ? 0 : figure.data.filter((trace) => trace.showlegend).length
  const wrapped = chart.clientWidth < 640 ? 22 * Math.max(0, entries - 2) : 0 // a narrow screen stacks the legend
  const height = figure.layout.height + wrapped
  chart.style.height = `${height}px`
  const options = { ...CONFIG, toImageButtonOptions: { format: "svg", filename: chart.dataset.name } }
  chart.drawn = true
  return Plotly.react(chart, figure.data, themed({ ...figure.layout, height }), options)
}

function redraw() {
  return Promise.all(charts.filter((chart) => chart.drawn).map(draw))
}

const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting && !entry.target.drawn) draw(entry.target)
    }
  },
  { rootMargin: "400px" },
)
charts.forEach((chart) => seen.observe(chart))

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw)
addEventListener("beforeprint", () => {
  printing = true
  charts.forEach(draw)
})
addEventListener("afterprint", () => {
  printing = false
  redraw()
})
