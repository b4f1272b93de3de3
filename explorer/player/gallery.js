// Draws pictures of a run as rows (one a task) or as a strip of frames, in plain elements that wrap on a narrow screen.
// New data change the elements in place, so nothing flashes and the keyboard stays where it is. All words are set as
// text and all pictures are data addresses made by Python: nothing of a run folder is read as markup.

function make(tag, attributes, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value)
  }
  element.append(...children.filter((child) => child !== null && child !== ""))
  return element
}

function bars({ labels, values, truth, colour }) {
  const likely = values.indexOf(Math.max(...values))
  return make(
    "div",
    { class: "bars", "aria-hidden": "true" },
    ...values.map((value, at) =>
      make(
        "div",
        { class: `bar${at === truth ? " truth" : ""}${at === likely ? " likely" : ""}`, title: value.toFixed(3) },
        make("i", { style: `height:${(100 * value).toFixed(1)}%;background:${colour}` }),
        make("b", {}, at === truth ? `${labels[at]}✓` : labels[at]),
      ),
    ),
  )
}

function picture(cell, images) {
  if (cell.bars) return make("div", { role: "img", "aria-label": cell.alt }, bars(cell.bars))
  return make("img", { src: images[cell.image], alt: cell.alt, draggable: "false" })
}

function legend(row) {
  const keys = row.keys.map((key) =>
    make("span", { class: "key" }, make("i", { class: key.hatched ? "hatched" : "", style: `background-color:${key.colour}` }), key.label),
  )
  const ramps = row.ramps.map((ramp) =>
    make(
      "span",
      { class: "key" },
      `${ramp.title} ${ramp.low}`,
      make("i", { class: "ramp", style: `background:linear-gradient(to right,${ramp.colours.join(",")})` }),
      ramp.high,
    ),
  )
  return make("div", { class: "legend" }, ...keys, ...ramps)
}

function taskRow(row, images) {
  return make(
    "section",
    { class: "row", "data-task": row.title },
    make(
      "button",
      { class: "head", type: "button", "data-pick": row.mark, "aria-pressed": String(row.picked), title: "Pick this task" },
      make("span", { class: "letter", style: `background:${row.colour};color:${row.on}` }, row.letter),
      make("strong", {}, row.title),
      make("span", { class: "number" }, row.number),
    ),
    make(
      "div",
      { class: "cells" },
      ...row.cells.map((cell) =>
        make("figure", { class: cell.bars ? "wide" : "" }, picture(cell, images), make("figcaption", {}, cell.name)),
      ),
    ),
    legend(row),
  )
}

function frame(one, images) {
  const state = `frame${one.now ? " now" : ""}${one.later ? " later" : ""}${one.structural ? " structural" : ""}`
  return make(
    "button",
    { class: state, type: "button", "data-pick": one.pick, "aria-current": one.now ? "step" : null, title: one.hint },
    picture(one, images),
    make("span", {}, one.name),
    make("span", { class: "number" }, one.note),
  )
}

// Make `old` look like `fresh`, element by element.
function morph(old, fresh) {
  if (old.nodeName !== fresh.nodeName) return old.replaceWith(fresh)
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data
    return
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name)
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value)
  const [had, wanted] = [[...old.childNodes], [...fresh.childNodes]]
  wanted.forEach((child, at) => (had[at] ? morph(had[at], child) : old.append(child)))
  had.slice(wanted.length).forEach((child) => child.remove())
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".gallery")
  const body = data.rows
    ? make("div", { class: "rows" }, ...data.rows.map((row) => taskRow(row, data.images)))
    : make("div", { class: "frames" }, ...data.frames.map((one) => frame(one, data.images)))
  if (host.firstElementChild) morph(host.firstElementChild, body)
  else host.append(body)
  host.setAttribute("aria-label", data.label)
  host.onclick = (event) => {
    const pick = event.target.closest("[data-pick]")?.dataset.pick
    if (pick) setTriggerValue("picked", /^\d+$/.test(pick) ? Number(pick) : pick)
  }
}
