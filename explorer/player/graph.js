// Draws a film of the sharing graph (explorer/figures/film.py) on a canvas and moves it smoothly from stop to stop.
// Depends on nothing: the explorer's pages, the standalone animation and the offline report all use this one file.
//
//   mountGraph(host, film, options) -> { seek, play, pause, update, scene, destroy, ... }
//
// A film: tasks [label, letter, colour, colour on it, dash]; input, what the network reads; order, the tasks from left
// to right; stages [name, neurons]; nodes [stage, tasks, kind, width, size in words]; reasons [text]; frames [event, where, what, nodes, edges, ghosts,
// reasons], each the difference to the one before: nodes `id` (gone) or [id, x, status, done, ...losses], edges
// [source, target, weight or -1 (gone)], ghosts `id` or `-1 - id` (gone), reasons [node, reason, node, reason, ...].
// Lengths are columns across (one a task) and rows along (one a stage, the image at -1); pixels come in only at drawing.

const NEW = 1, RISING = 2, GHOST = 3 // 0: stands
const FALLBACK_FONT = "system-ui, sans-serif"
const DIM = 0.16

const clamp = (value, low, high) => Math.min(Math.max(value, low), high)
const mix = (from, to, t) => from + (to - from) * t
const ease = (t) => t * t * (3 - 2 * t)
const mixBox = (a, b, t) => ({ l: mix(a.l, b.l, t), r: mix(a.r, b.r, t), b: mix(a.b, b.b, t), t: mix(a.t, b.t, t) })
const moved = (box, by) => ({ ...box, b: box.b + by, t: box.t + by })
const short = (loss) => (loss >= 100 ? loss.toFixed(0) : loss.toPrecision(3))

// ---- the film ----

// Plays differences back: `stateAt(i)` is the graph at frame i, from the nearest state kept before it.
function reader(film) {
  const kept = [{ nodes: new Map(), edges: new Map(), ghosts: new Set(), reasons: new Map() }] // before frame 0, 32, ...
  const copied = (state) => ({
    nodes: new Map(state.nodes),
    edges: new Map(state.edges),
    ghosts: new Set(state.ghosts),
    reasons: new Map(state.reasons),
  })
  function apply(state, [, , , nodes = [], edges = [], ghosts = [], reasons = []]) {
    for (const change of nodes) {
      if (typeof change === "number") state.nodes.delete(change)
      else state.nodes.set(change[0], { x: change[1], status: change[2], done: change[3] ?? 0, losses: change.slice(4) })
    }
    for (const [source, target, weight] of edges) {
      const key = `${source}>${target}`
      if (weight < 0) state.edges.delete(key)
      else state.edges.set(key, { source, target, weight })
    }
    for (const id of ghosts) id < 0 ? state.ghosts.delete(-1 - id) : state.ghosts.add(id)
    for (let at = 0; at < reasons.length; at += 2) state.reasons.set(reasons[at], reasons[at + 1])
  }
  return (frame) => {
    while (kept.length <= frame >> 5) {
      const next = copied(kept[kept.length - 1])
      for (let at = (kept.length - 1) << 5; at < kept.length << 5; at++) apply(next, film.frames[at])
      kept.push(next)
    }
    const state = copied(kept[frame >> 5])
    for (let at = (frame >> 5) << 5; at <= frame; at++) apply(state, film.frames[at])
    return state
  }
}

// ---- scenes: what is on screen, as boxes and lines that can be mixed ----

function boxOf(film, id, there) {
  const { rise, rising, height } = film.geometry
  const [stage, , , width] = film.nodes[id]
  const up = there.status === RISING
  const y = stage + (up ? rise : 0)
  const half = (up ? rising : height) / 2
  return { l: there.x - width / 2, r: there.x + width / 2, b: y - half, t: y + half }
}

function ghostBox(film, id) {
  const { fall, ghost, narrow } = film.geometry
  const [stage, tasks] = film.nodes[id]
  const x = tasks.reduce((sum, task) => sum + film.order.indexOf(task), 0) / tasks.length
  return { l: x - narrow / 2, r: x + narrow / 2, b: stage - fall - ghost / 2, t: stage - fall + ghost / 2 }
}

function pieceOf(box, tasks, task) {
  const each = (box.r - box.l) / tasks.length
  const l = box.l + each * tasks.indexOf(task)
  return { l, r: l + each, b: box.b, t: box.t }
}

const middle = (piece) => (piece.l + piece.r) / 2

function sceneOf(film, state) {
  const scene = { nodes: new Map(), pieces: new Map(), strands: new Map(), flows: new Map() }
  const fed = new Set([...state.edges.values()].map((edge) => edge.target))
  const image = film.geometry.image
  for (const [id, there] of state.nodes) {
    const [stage, tasks, kind] = film.nodes[id]
    const box = boxOf(film, id, there)
    const { status, done, losses } = there
    scene.nodes.set(`n${id}`, { ...box, id, status, done, losses, alpha: 1 })
    for (const task of tasks) {
      const piece = pieceOf(box, tasks, task)
      if (status === RISING) piece.t = mix(piece.b, piece.t, done)
      const ends = { first: task === tasks[0], last: task === tasks[tasks.length - 1] }
      scene.pieces.set(`${id}:${task}`, { ...piece, ...ends, id, task, stage, kind, status, alpha: 1 })
      if (status !== RISING && !fed.has(id)) {
        const x = middle(piece)
        scene.strands.set(`${task}:>${id}`, { task, from: -1, to: stage, x0: x, y0: image, x1: x, y1: box.b, weight: 1, alpha: 1 })
      }
    }
  }
  for (const id of state.ghosts) scene.nodes.set(`g${id}`, { ...ghostBox(film, id), id, status: GHOST, alpha: 1 })
  for (const { source, target, weight } of state.edges.values()) {
    const from = scene.nodes.get(`n${source}`), to = scene.nodes.get(`n${target}`)
    if (!from || !to) continue
    const upper = film.nodes[target][1]
    for (const task of film.nodes[source][1]) {
      if (!upper.includes(task)) continue
      const x0 = middle(pieceOf(from, film.nodes[source][1], task)), x1 = middle(pieceOf(to, upper, task))
      const stages = { from: film.nodes[source][0], to: film.nodes[target][0] }
      scene.strands.set(`${task}:${source}>${target}`, { task, ...stages, x0, y0: from.t, x1, y1: to.b, weight, alpha: 1 })
    }
  }
  addFlows(film, state, scene)
  return scene
}

// What flows from task nodes into group nodes on their way; its share is the task's part of the distillation loss.
function addFlows(film, state, scene) {
  const places = new Map()
  for (const [id, { status }] of state.nodes) {
    const [stage, tasks, kind] = film.nodes[id]
    if (status !== RISING && tasks.length === 1 && kind !== "head") places.set(`${stage}:${tasks[0]}`, id)
  }
  for (const [id, { status, losses }] of state.nodes) {
    if (status !== RISING) continue
    const [stage, tasks] = film.nodes[id]
    const all = losses.reduce((sum, loss) => sum + (loss ?? 0), 0)
    const to = scene.nodes.get(`n${id}`)
    tasks.forEach((task, at) => {
      const from = scene.nodes.get(`n${places.get(`${stage}:${task}`)}`)
      if (!from) return
      const x1 = middle(pieceOf(to, tasks, task))
      const share = all > 0 ? (losses[at] ?? 0) / all : 1 / tasks.length
      const ends = { x0: (from.l + from.r) / 2, y0: from.t, x1, y1: to.b }
      scene.flows.set(`${task}>${id}`, { task, id, stage, ...ends, share, loss: losses[at] ?? null, alpha: 1 })
    })
  }
}

// Pairs things of two scenes: the same key first, then what `kin` says belongs together; the rest stays alone.
function pairs(before, after, kin) {
  const both = [], gone = [], come = []
  const waiting = new Map()
  for (const [key, thing] of before) {
    if (after.has(key)) both.push([key, thing, after.get(key)])
    else {
      const name = kin(thing)
      gone.push([key, thing, name])
      if (name) waiting.set(name, [...(waiting.get(name) ?? []), key])
    }
  }
  const taken = new Set()
  for (const [key, thing] of after) {
    if (before.has(key)) continue
    const other = waiting.get(kin(thing))?.shift()
    if (other === undefined) come.push([key, thing])
    else {
      both.push([key, before.get(other), thing])
      taken.add(other)
    }
  }
  return { both, gone: gone.filter(([key]) => !taken.has(key)), come }
}

// The scene a share `t` of the way from one to the other. Task nodes glide into the group node that took their place,
// a group node on its way sinks into its row, what was removed falls and fades.
function mixed(film, before, after, t) {
  const now = { nodes: new Map(), pieces: new Map(), strands: new Map(), flows: new Map() }
  const later = t < 0.5 ? 0 : 1
  const { fall, rise } = film.geometry
  const blend = (a, b) => ({ ...(later ? b : a), alpha: mix(a.alpha, b.alpha, t) })

  const nodes = pairs(before.nodes, after.nodes, () => null)
  for (const [key, a, b] of nodes.both) {
    now.nodes.set(key, { ...blend(a, b), ...mixBox(a, b, t), done: mix(a.done ?? 0, b.done ?? 0, t) })
  }
  const alone = (key, thing, other, share) => {
    let from = thing
    if (thing.status === GHOST) from = other.nodes.get(`n${thing.id}`) ?? moved(thing, fall)
    else if (thing.status === RISING) from = moved(thing, -rise * 0.7)
    now.nodes.set(key, { ...thing, ...mixBox(from, thing, share), alpha: thing.alpha * share * share })
  }
  for (const [key, a] of nodes.gone) alone(key, a, after, a.status === GHOST ? 1 - t : (1 - t) ** 2)
  for (const [key, b] of nodes.come) alone(key, b, before, t)

  const standing = (piece) => (piece.status === RISING ? null : `${piece.task}:${piece.stage}`)
  const pieces = pairs(before.pieces, after.pieces, standing)
  for (const [key, a, b] of pieces.both) now.pieces.set(key, { ...blend(a, b), ...mixBox(a, b, t) })
  const merging = (pieces, piece) => {
    for (const other of pieces.values()) if (other.task === piece.task && other.stage === piece.stage) return other
    return piece
  }
  const away = (key, piece, others, share) => {
    if (piece.status === RISING) {
      now.pieces.set(key, { ...piece, t: mix(piece.b, piece.t, share) })
      return
    }
    const into = merging(others, piece)
    const target = moved({ ...piece, l: into.l, r: into.r }, -fall)
    now.pieces.set(key, { ...piece, ...mixBox(target, piece, share), alpha: piece.alpha * share })
  }
  for (const [key, a] of pieces.gone) away(key, a, after.pieces, 1 - t)
  for (const [key, b] of pieces.come) away(key, b, before.pieces, t)

  for (const [name, kin] of [["strands", (s) => `${s.task}:${s.from}>${s.to}`], ["flows", () => null]]) {
    const lines = pairs(before[name], after[name], kin)
    for (const [key, a, b] of lines.both) {
      const line = blend(a, b)
      for (const end of ["x0", "y0", "x1", "y1", "weight", "share"]) if (end in line) line[end] = mix(a[end], b[end], t)
      now[name].set(key, line)
    }
    for (const [key, a] of lines.gone) now[name].set(key, { ...a, alpha: a.alpha * (1 - t) })
    for (const [key, b] of lines.come) now[name].set(key, { ...b, alpha: b.alpha * t })
  }
  return now
}

// ---- drawing ----

function painter(canvas, film, options) {
  const ink = canvas.getContext("2d")
  const place = {}
  let colours = {}
  let labels = new Map()

  function theme() {
    const style = getComputedStyle(canvas)
    const colour = (name, other) => style.getPropertyValue(name).trim() || other
    colours = {
      text: colour("--st-text-color", style.color),
      page: colour("--st-background-color", "#ffffff"),
      line: colour("--st-border-color", film.colours.faint),
      font: colour("--st-font", FALLBACK_FONT),
    }
  }

  const font = (size, weight = 400) => (ink.font = `${weight} ${size}px ${colours.font}`)

  // Text cut to a width, measured once.
  function fitted(text, width, size, weight) {
    const key = `${size}/${weight}/${Math.round(width)}/${text}`
    if (!labels.has(key)) {
      font(size, weight)
      let cut = text
      while (cut.length > 1 && ink.measureText(cut + (cut === text ? "" : "…")).width > width) cut = cut.slice(0, -1)
      labels.set(key, cut === text ? text : `${cut.trimEnd()}…`)
    }
    return labels.get(key)
  }

  function lay() {
    const ratio = globalThis.devicePixelRatio || 1
    const width = canvas.clientWidth, height = canvas.clientHeight
    if (!width || !height) return false
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio)
      canvas.height = Math.round(height * ratio)
      labels = new Map()
    }
    ink.setTransform(ratio, 0, 0, ratio, 0, 0)
    const across = [-0.62, film.order.length - 0.38], along = [-1.32, film.stages.length + 0.42]
    const up = options.orient !== "right"
    font(11, 600)
    const names = up ? film.stages.map(([name, neurons]) => `${name} · ${neurons}`) : film.tasks.map(([label]) => label)
    const widest = Math.max(...names.map((name) => ink.measureText(name).width), 34) + (up ? 0 : 22)
    const gutter = 30 + Math.min(widest, width * 0.27)
    const box = up
      ? { l: gutter, r: width - 6, t: 54, b: height - 6 }
      : { l: gutter, r: width - 8, t: 8, b: height - 92 }
    Object.assign(place, { up, width, height, box, gutter })
    const [wide, high] = up ? [across, along] : [along, across]
    place.sx = (box.r - box.l) / (wide[1] - wide[0])
    place.sy = (box.b - box.t) / (high[1] - high[0])
    place.x = up ? (a) => box.l + (a - across[0]) * place.sx : (a, l) => box.l + (l - along[0]) * place.sx
    place.y = up ? (a, l) => box.b - (l - along[0]) * place.sy : (a) => box.t + (a - across[0]) * place.sy
    return true
  }

  function rect(thing) {
    const x = place.x(thing.l, thing.b), x2 = place.x(thing.r, thing.t)
    const y = place.y(thing.l, thing.b), y2 = place.y(thing.r, thing.t)
    return [Math.min(x, x2), Math.min(y, y2), Math.abs(x2 - x), Math.abs(y2 - y)]
  }

  function trace(thing, grow = 0, first = true, last = true) {
    const [x, y, w, h] = rect(thing)
    const round = Math.min(5 + grow, w / 2 + grow, h / 2 + grow)
    const [f, l] = [first ? round : 0, last ? round : 0]
    const corners = place.up ? [f, l, l, f] : [f, f, l, l]
    ink.beginPath()
    ink.roundRect(x - grow, y - grow, w + 2 * grow, h + 2 * grow, corners)
  }

  function curve({ x0, y0, x1, y1 }) {
    const third = (y1 - y0) / 3
    const point = (a, l) => [place.x(a, l), place.y(a, l)]
    ink.moveTo(...point(x0, y0))
    ink.bezierCurveTo(...point(x0, y0 + third), ...point(x1, y1 - third), ...point(x1, y1))
  }

  const inFocus = (focus, stage, tasks) =>
    (focus.stage === null || focus.stage === stage) && focus.tasks.every((task) => tasks.includes(task))
  const lit = (focus, stage, tasks, task) =>
    !focus || (inFocus(focus, stage, tasks) && (!focus.tasks.length || focus.tasks.includes(task))) ? 1 : DIM
  const litLine = (focus, line) => {
    if (!focus) return 1
    const there = focus.stage === null || focus.stage === line.to || focus.stage === line.from
    return there && (!focus.tasks.length || focus.tasks.includes(line.task)) ? 1 : DIM
  }

  function strands(scene, focus) {
    const alike = new Map()
    for (const strand of scene.strands.values()) {
      const seen = mix(film.geometry.faintest ?? 1, 1, strand.weight) // dense graphs stay legible: weak strands are pale
      const alpha = strand.alpha * litLine(focus, strand) * seen
      const key = `${strand.task}/${alpha.toFixed(2)}/${strand.weight.toFixed(2)}`
      if (!alike.has(key)) alike.set(key, { alpha, strand, lines: [] })
      alike.get(key).lines.push(strand)
    }
    for (const { alpha, strand, lines } of alike.values()) {
      ink.globalAlpha = alpha
      ink.strokeStyle = film.tasks[strand.task][2]
      ink.lineWidth = 1 + 2.5 * strand.weight
      ink.beginPath()
      lines.forEach(curve)
      ink.stroke()
    }
  }

  function flows(scene, focus, clock) {
    ink.lineCap = "round"
    for (const flow of scene.flows.values()) {
      const width = 2 + 7 * flow.share
      ink.globalAlpha = flow.alpha * litLine(focus, { task: flow.task, from: flow.stage, to: flow.stage })
      ink.strokeStyle = film.tasks[flow.task][2]
      ink.lineWidth = width
      ink.setLineDash([0.1, width * 1.7])
      ink.lineDashOffset = -(clock / 32) % (width * 1.7 + 0.1)
      ink.beginPath()
      curve(flow)
      ink.stroke()
    }
    ink.setLineDash([])
    ink.lineCap = "butt"
  }

  function pieces(scene, focus) {
    for (const piece of scene.pieces.values()) {
      if (piece.kind === "skip" || piece.t - piece.b < 0.004) continue
      ink.globalAlpha = piece.alpha * lit(focus, piece.stage, film.nodes[piece.id][1], piece.task)
      ink.fillStyle = film.tasks[piece.task][2]
      trace(piece, 0, piece.first, piece.last)
      ink.fill()
    }
  }

  function outlines(scene, focus) {
    for (const node of scene.nodes.values()) {
      const [stage, tasks, kind] = film.nodes[node.id]
      let style = null
      if (node.status === NEW) style = [film.colours.accent, 2.6, []]
      else if (node.status === RISING) style = [film.colours.accent, 1.8, [5, 4]]
      else if (node.status === GHOST || kind === "skip") style = [film.colours.neutral, 1.2, [1.5, 3]]
      else if (tasks.length > 1) style = [film.colours.neutral, 1.2, []]
      ink.globalAlpha = node.alpha * (focus && !inFocus(focus, stage, tasks) ? DIM * 2 : 1)
      if (style) {
        ;[ink.strokeStyle, ink.lineWidth] = style
        ink.setLineDash(style[2])
        trace(node)
        ink.stroke()
        ink.setLineDash([])
      }
      if (node.status === GHOST) cross(node)
      if (focus && focus.stage === stage && String(focus.tasks) === String([...tasks].sort((a, b) => a - b))) {
        ink.strokeStyle = colours.text
        ink.lineWidth = 2
        trace(node, 4)
        ink.stroke()
      }
    }
  }

  function cross(node) {
    const [x, y, w, h] = rect(node)
    const [cx, cy] = [x + w / 2, y + h / 2]
    ink.lineWidth = 1.6
    ink.beginPath()
    for (const way of [1, -1]) {
      ink.moveTo(cx - 3.5, cy - 3.5 * way)
      ink.lineTo(cx + 3.5, cy + 3.5 * way)
    }
    ink.stroke()
  }

  function write(text, x, y, colour, align = "center") {
    ink.fillStyle = colour
    ink.textAlign = align
    ink.fillText(text, x, y)
  }

  function rimmed(text, x, y, align = "center") {
    ink.strokeStyle = colours.page
    ink.lineWidth = 3
    ink.lineJoin = "round"
    ink.textAlign = align
    ink.strokeText(text, x, y)
    write(text, x, y, colours.text, align)
  }

  function letters(scene, focus) {
    ink.textBaseline = "middle"
    const beside = new Set()
    const shown = [...scene.pieces.values()].filter((piece) => piece.status !== RISING && piece.alpha >= 0.3)
    for (const piece of shown) {
      const [, , w, h] = rect(piece)
      if (w < (film.tasks[piece.task][1].length > 1 ? 15.5 : 6.4) || h < 8) beside.add(piece.id)
    }
    for (const piece of shown) {
      if (beside.has(piece.id)) continue
      const [, letter, , on] = film.tasks[piece.task]
      const [x, y, w, h] = rect(piece)
      const size = w >= 8 * letter.length + 6 && h >= 13 ? 11 : 9
      font(size, 700)
      ink.globalAlpha = piece.alpha * lit(focus, piece.stage, film.nodes[piece.id][1], piece.task)
      write(letter, x + w / 2, y + h / 2 + 0.5, piece.kind === "skip" ? film.colours.neutral : on)
    }
    const crowds = new Map() // nodes that serve the same tasks at a stage stand close together
    for (const piece of shown) {
      const name = `${piece.stage}:${film.nodes[piece.id][1]}`
      crowds.set(name, (crowds.get(name) ?? new Set()).add(piece.id))
    }
    for (const id of place.up ? beside : []) {
      if (crowds.get(`${film.nodes[id][0]}:${film.nodes[id][1]}`)?.size > 1) continue
      const node = scene.nodes.get(`n${id}`)
      if (!node || film.nodes[id][3] < film.geometry.narrow - 1e-6) continue // in a full row there is no room beside it
      const tasks = film.nodes[id][1]
      const said = tasks.length === film.tasks.length ? "all" : tasks.map((task) => film.tasks[task][1]).join("+")
      const [x, y, w, h] = rect(node)
      font(10, 400)
      ink.globalAlpha = node.alpha
      write(said, x + w + 3, y + h / 2, colours.text, "left")
    }
  }

  // How far each amalgamation is, and the loss of each task on its way into the group node.
  function progress(scene) {
    ink.textBaseline = "middle"
    for (const node of scene.nodes.values()) {
      if (node.status !== RISING) continue
      const [x, y, w, h] = rect(node)
      ink.globalAlpha = node.alpha
      font(11, 700)
      rimmed(`${Math.round(100 * node.done)} %`, x + w / 2, y + h / 2 + 0.5)
    }
    font(10, 400)
    for (const flow of scene.flows.values()) {
      if (flow.loss === null) continue
      ink.globalAlpha = flow.alpha
      // below the task node, or in it below its letter
      const along = flow.y0 - film.geometry.height * (place.up ? 1 : 0.5)
      const said = `${film.tasks[flow.task][1]} ${short(flow.loss)}`
      rimmed(said, place.x(flow.x0, along), place.y(flow.x0, along) + (place.up ? 8 : 17))
    }
  }

  function axes() {
    const { up, box, gutter, height } = place
    ink.globalAlpha = 1
    ink.fillStyle = film.colours.faint
    ink.strokeStyle = film.colours.neutral
    ink.lineWidth = 1
    const image = film.geometry.image
    trace({ l: -0.45, r: film.order.length - 0.55, b: image - 0.14, t: image + 0.14 })
    ink.fill()
    ink.stroke()
    const rows = [[film.input, image], ...film.stages.map(([name, neurons], at) => [`${name} · ${neurons}`, at])]
    rows.push(["heads", film.stages.length])
    ink.textBaseline = "middle"
    for (const [text, at] of rows) {
      if (up) {
        font(11, 600)
        write(fitted(text, gutter - 26, 11, 600), gutter - 6, place.y(0, at), colours.text, "right")
      } else slanted(text, place.x(0, at), box.b + 8)
    }
    film.order.forEach((task, at) => taskLabel(film.tasks[task], at))
    ink.globalAlpha = 0.75
    font(11)
    const [along, across] = ["stage · neurons, from image to heads", "task"]
    write(up ? across : along, (box.l + box.r) / 2, up ? 8 : height - 8, colours.text)
    ink.save()
    ink.translate(9, (box.t + box.b) / 2)
    ink.rotate(-Math.PI / 2)
    write(up ? along : across, 0, 0, colours.text)
    ink.restore()
  }

  function slanted(text, x, y) {
    const flat = place.sx > 64
    ink.save()
    ink.translate(x, y)
    if (!flat) ink.rotate(-Math.PI / 4)
    font(11, 600)
    write(fitted(text, flat ? place.sx - 4 : 92, 11, 600), 0, flat ? 6 : 2, colours.text, flat ? "center" : "right")
    ink.restore()
  }

  // The letter on the task's colour, and its name as far as there is room: the legend of the picture.
  function taskLabel([label, letter, colour, on], at) {
    const { up, gutter } = place
    const chip = 9 + 6 * letter.length
    const room = up ? place.sx - 4 : gutter - 30 - chip
    const name = room > 30 ? fitted(label, room, 11, 600) : ""
    const x = up ? place.x(at, 0) - chip / 2 : gutter - 6 - chip
    const y = up ? 27 : place.y(at, 0)
    ink.fillStyle = colour
    ink.beginPath()
    ink.roundRect(x, y - 7.5, chip, 15, 4)
    ink.fill()
    font(10, 700)
    write(letter, x + chip / 2, y + 0.5, on)
    font(11, 600)
    if (name && up) write(name, x + chip / 2, y + 16, colours.text)
    else if (name) write(name, x - 5, y + 0.5, colours.text, "right")
  }

  function draw(scene, focus, clock) {
    if (!lay()) return
    ink.clearRect(0, 0, place.width, place.height)
    axes()
    strands(scene, focus)
    flows(scene, focus, clock)
    pieces(scene, focus)
    outlines(scene, focus)
    letters(scene, focus)
    progress(scene)
    ink.globalAlpha = 1
  }

  // What lies under a point: a node with its task there, or a strand.
  function under(scene, x, y) {
    if (!place.box) return null
    for (const piece of [...scene.pieces.values()].reverse()) {
      const node = scene.nodes.get(`n${piece.id}`)
      if (!node) continue
      const whole = pieceOf(node, film.nodes[piece.id][1], piece.task)
      const [l, t, w, h] = rect(whole)
      if (x >= l - 1 && x <= l + w + 1 && y >= t - 3 && y <= t + h + 3) return { id: piece.id, task: piece.task }
    }
    let best = null, least = 7
    for (const line of [...scene.strands.values(), ...scene.flows.values()]) {
      const third = (line.y1 - line.y0) / 3
      const ends = [[line.x0, line.y0], [line.x0, line.y0 + third], [line.x1, line.y1 - third], [line.x1, line.y1]]
      const [p0, p1, p2, p3] = ends.map(([a, l]) => [place.x(a, l), place.y(a, l)])
      for (let at = 0; at <= 12; at++) {
        const t = at / 12, s = 1 - t
        const point = (i) => s ** 3 * p0[i] + 3 * s * s * t * p1[i] + 3 * s * t * t * p2[i] + t ** 3 * p3[i]
        const apart = Math.hypot(point(0) - x, point(1) - y)
        if (apart < least) [best, least] = [{ task: line.task, line }, apart]
      }
    }
    return best
  }

  theme()
  return { draw, under, theme, rect: (thing) => (place.box || lay() ? rect(thing) : null) }
}

// ---- the player ----

const ICONS = { play: "M4 2.5v11l9-5.5z", pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z" }
const STYLE = `
.graph-player { position: relative; width: 100%; color: var(--st-text-color); font-family: var(--st-font, ${FALLBACK_FONT}); }
.graph-player canvas { display: block; width: 100%; touch-action: pan-y; transition: color 1ms; color: inherit; }
.graph-player .graph-bar { display: flex; align-items: center; gap: 10px; margin-top: 6px; font-size: 12px; }
.graph-player button { border: 1px solid var(--st-border-color, #8886); border-radius: 50%; width: 28px; height: 28px; flex: none;
  display: grid; place-items: center; padding: 0; background: none; color: inherit; cursor: pointer; }
.graph-player button:hover { color: var(--st-primary-color, #d6336c); border-color: currentColor; }
.graph-player input { flex: 1; min-width: 60px; height: 24px; margin: 0; accent-color: var(--st-primary-color, #d6336c); cursor: pointer; }
.graph-player .graph-count { font-variant-numeric: tabular-nums; opacity: 0.75; white-space: nowrap; }
.graph-player .graph-story { margin: 4px 0 0; font-size: 12.5px; line-height: 1.4; min-height: 2.8em; }
.graph-player .graph-story.passing { position: absolute; left: 0; right: 0; bottom: 36px; margin: 0; padding: 4px 8px;
  min-height: 0; border-radius: 6px; background: var(--st-secondary-background-color, #f4f5f7); opacity: 0.94; pointer-events: none; }
.graph-player .graph-story[hidden] { display: none; }
.graph-player .graph-story b { font-weight: 600; margin-right: 6px; }
.graph-player .graph-tip { position: absolute; z-index: 5; pointer-events: none; max-width: min(320px, 90%); padding: 6px 9px;
  font-size: 12px; line-height: 1.4; border-radius: 6px; border: 1px solid var(--st-border-color, #8886);
  background: var(--st-secondary-background-color, #f4f5f7); box-shadow: 0 2px 10px #0003; }
.graph-player .graph-tip[hidden] { display: none; }
.graph-player .graph-tip div:first-child { font-weight: 600; }
`

function element(name, className, parent) {
  const made = document.createElement(name)
  if (className) made.className = className
  parent.append(made)
  return made
}

function stillness() {
  return globalThis.matchMedia?.("(prefers-reduced-motion: reduce)") ?? { matches: false }
}

// options: alt, height (pixels), orient ("up" | "right"), speed (stops a second), index (event to start at),
// focus ({ stage, tasks } or null), story (whether the sentence is always shown, not only on the way),
// onRest(index, playing) when it comes to rest or starts to play by itself, onPick(mark) for what was clicked.
export function mountGraph(host, film, options = {}) {
  const set = { orient: "up", speed: 2, height: 480, focus: null, alt: "", story: false, ...options }
  host.textContent = ""
  const root = element("div", "graph-player", host)
  element("style", "", root).textContent = STYLE
  const canvas = element("canvas", "", root)
  canvas.setAttribute("role", "img")
  const tip = element("div", "graph-tip", root)
  tip.hidden = true
  const bar = element("div", "graph-bar", root)
  const button = element("button", "", bar)
  button.type = "button"
  const scrub = element("input", "", bar)
  Object.assign(scrub, { type: "range", min: 0, step: "any" })
  scrub.setAttribute("aria-label", "Moment of the sharing graph")
  const count = element("span", "graph-count", bar)
  const story = element("p", "graph-story", root)
  const [where, what] = [element("b", "", story), element("span", "", story)]

  let stateAt, scenes, paint
  let position = 0 // in frames
  let mode = "rest" // rest, glide, play, drag
  let shown = null // the scene on screen
  let glide = null // { from, to, start, takes, target }
  let asked = 0, last = 0, ended = false, visible = true
  const times = []
  const still = stillness()
  const slow = () => still.matches
  const lastFrame = () => film.frames.length - 1

  function sceneAt(frame) {
    if (!scenes.has(frame)) {
      if (scenes.size > 150) scenes.clear()
      scenes.set(frame, sceneOf(film, stateAt(frame)))
    }
    return scenes.get(frame)
  }

  function between(at) {
    const low = Math.floor(at), rest = at - low
    if (rest < 1e-3 || low >= lastFrame()) return sceneAt(Math.min(Math.round(at), lastFrame()))
    if (slow()) return sceneAt(Math.round(at))
    return mixed(film, sceneAt(low), sceneAt(low + 1), ease(rest))
  }

  function frameOf(index) {
    let low = 0, high = lastFrame()
    while (low < high) {
      const half = (low + high + 1) >> 1
      if (film.frames[half][0] <= index) low = half
      else high = half - 1
    }
    return low
  }

  function say() {
    const at = clamp(Math.round(position), 0, lastFrame())
    const frame = film.frames[at]
    scrub.value = position
    scrub.setAttribute("aria-valuetext", `${at + 1} of ${film.frames.length}: ${frame[1]}`)
    count.textContent = `${at + 1} / ${film.frames.length}`
    where.textContent = frame[1]
    what.textContent = frame[2]
    story.hidden = !set.story && (mode === "rest" || mode === "glide")
    story.classList.toggle("passing", !set.story)
    const playing = mode === "play"
    if (button.dataset.icon !== String(playing)) {
      button.dataset.icon = String(playing)
      button.setAttribute("aria-label", playing ? "Pause the graph" : "Play the graph")
      button.innerHTML = `<svg width="16" height="16" aria-hidden="true"><path fill="currentColor" d="${playing ? ICONS.pause : ICONS.play}"/></svg>`
    }
    Object.assign(root.dataset, { mode, frame: position.toFixed(3), at: frame[0] })
  }

  function draw(clock) {
    const began = performance.now()
    paint.draw(shown, set.focus, slow() ? 0 : clock)
    times.push(performance.now() - began)
    if (times.length > 240) times.shift()
  }

  function wake() {
    if (!asked && !ended) asked = requestAnimationFrame(tick)
  }

  function tick(clock) {
    asked = 0
    if (ended) return
    const since = last ? Math.min(clock - last, 100) : 16
    last = clock
    const began = performance.now()
    if (mode === "play") {
      position += (since / 1000) * set.speed
      if (position >= lastFrame()) arrive(lastFrame(), true)
      shown = between(position)
    } else if (mode === "glide") {
      const t = clamp((clock - glide.start) / glide.takes, 0, 1)
      shown = t >= 1 || slow() ? glide.to : mixed(film, glide.from, glide.to, ease(t))
      position = mix(glide.begin, glide.target, t >= 1 || slow() ? 1 : ease(t))
      if (t >= 1 || slow()) arrive(glide.target, glide.report)
    } else shown = between(position)
    root.dataset.tick = (performance.now() - began).toFixed(2)
    draw(clock)
    say()
    const flowing = shown.flows.size > 0 && visible && !document.hidden && !slow()
    if (mode === "play" || mode === "glide" || flowing) wake()
    else last = 0
  }

  function arrive(frame, report) {
    position = frame
    mode = "rest"
    glide = null
    if (report) set.onRest?.(film.frames[frame][0], false)
  }

  function glideTo(frame, report, takes = clamp(900 / set.speed, 300, 500)) {
    glide = { from: shown, to: sceneAt(frame), start: performance.now(), takes, begin: position, target: frame, report }
    mode = "glide"
    wake()
  }

  function settle() {
    glideTo(clamp(Math.round(position), 0, lastFrame()), true, 160)
  }

  function seek(index, { glide: smooth = true } = {}) {
    const frame = frameOf(index)
    if (mode === "rest" && frame === position) return
    if (smooth && !slow()) glideTo(frame, false)
    else {
      arrive(frame, false)
      wake()
    }
  }

  function play(speed = set.speed) {
    set.speed = speed
    if (mode === "play") return
    if (position >= lastFrame() - 1e-6) position = 0
    mode = "play"
    last = 0
    wake()
  }

  function pause(report = true) {
    if (mode !== "play") return
    if (report) settle()
    else {
      mode = "rest"
      wake()
    }
  }

  function update(changes) {
    const { film: newer, ...rest } = changes
    Object.assign(set, rest)
    if (newer && newer !== film) {
      const index = film.frames[clamp(Math.round(position), 0, lastFrame())][0]
      film = newer
      if (mode !== "play") mode = "rest"
      glide = null
      start()
      position = clamp(frameOf(index), 0, lastFrame())
      shown = between(position) // numbers of nodes belong to their film
    }
    canvas.setAttribute("aria-label", set.alt)
    canvas.style.height = `${set.height}px`
    wake()
  }

  function start() {
    stateAt = reader(film)
    scenes = new Map()
    paint = painter(canvas, film, set)
    scrub.max = lastFrame()
    scrub.disabled = button.disabled = lastFrame() < 1
  }

  // ---- hands: pointer, keys ----

  function facts(found) {
    const state = stateAt(clamp(Math.round(position), 0, lastFrame()))
    const names = (tasks) => tasks.map((task) => film.tasks[task][0]).join(" + ")
    if (found.id === undefined) {
      const { line } = found
      if (line.loss === undefined) return [film.tasks[found.task][0], line.weight < 1 ? `weight ${line.weight.toFixed(2)}` : "strand from the image to its head"]
      const part = `${Math.round(100 * line.share)} % of the distillation`
      return [`Knowledge of ${film.tasks[found.task][0]}`, line.loss === null ? part : `${part}, loss ${short(line.loss)}`]
    }
    const [stage, tasks, kind, , size] = film.nodes[found.id]
    const name = kind === "head" ? `head of ${names(tasks)}` : `${film.stages[stage][0]} · ${names(tasks)}`
    const there = state.nodes.get(found.id)
    const lines = [name, kind === "head" ? size : `${kind} · ${size}`]
    lines.push(...(film.reasons[state.reasons.get(found.id)] ?? "").split("\n"))
    if (there?.status === RISING) {
      lines.push(`being born: ${Math.round(100 * there.done)} % of the amalgamation`)
      tasks.forEach((task, at) => there.losses[at] != null && lines.push(`loss of ${film.tasks[task][0]}: ${short(there.losses[at])}`))
    } else if (there?.status === NEW) lines.push("new in this phase")
    return lines.filter(Boolean)
  }

  function spot(event) {
    const box = canvas.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  function hover(event) {
    const [x, y] = spot(event)
    const found = mode === "play" ? null : paint.under(shown, x, y)
    canvas.style.cursor = found ? "pointer" : ""
    tip.hidden = !found
    if (!found) return
    tip.textContent = ""
    for (const line of facts(found)) element("div", "", tip).textContent = line
    const left = clamp(x + 14, 0, Math.max(root.clientWidth - tip.offsetWidth, 0))
    const above = y - tip.offsetHeight - 12
    tip.style.left = `${left}px`
    tip.style.top = `${above > 0 ? above : y + 16}px`
  }

  function click(event) {
    const found = paint.under(shown, ...spot(event))
    if (!found) set.onPick?.("focus::")
    else if (found.id === undefined) set.onPick?.(`focus::${found.task}`)
    else {
      const [stage, tasks] = film.nodes[found.id]
      set.onPick?.(`focus:${stage}:${[...tasks].sort((a, b) => a - b).join("-")}`)
    }
  }

  let resting = 0
  function restSoon() {
    clearTimeout(resting)
    resting = setTimeout(() => mode === "drag" && settle(), 250)
  }

  scrub.addEventListener("input", () => {
    mode = "drag"
    position = clamp(Number(scrub.value), 0, lastFrame())
    clearTimeout(resting)
    wake()
  })
  scrub.addEventListener("change", () => mode === "drag" && settle())
  scrub.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }
    if (!(event.key in steps)) return
    event.preventDefault()
    event.stopPropagation() // the page has keys of its own
    const here = steps[event.key] > 0 ? Math.floor(position + 1e-6) : Math.ceil(position - 1e-6)
    mode = "drag"
    position = clamp(here + steps[event.key], 0, lastFrame())
    wake()
    restSoon()
  })
  button.addEventListener("click", () => {
    if (mode === "play") return pause()
    play()
    set.onRest?.(film.frames[Math.round(position)][0], true)
  })
  canvas.addEventListener("pointermove", hover)
  canvas.addEventListener("pointerdown", (event) => event.pointerType !== "mouse" && hover(event))
  canvas.addEventListener("pointerleave", () => (tip.hidden = true))
  canvas.addEventListener("click", click)
  canvas.addEventListener("transitionend", () => (paint.theme(), wake())) // the page's theme was switched
  const sized = new ResizeObserver(wake)
  sized.observe(canvas)
  const seen = new IntersectionObserver(([entry]) => ((visible = entry.isIntersecting), visible && wake()))
  seen.observe(canvas)

  start()
  position = options.index === undefined ? lastFrame() : frameOf(options.index)
  shown = between(position)
  update({})

  return {
    seek,
    play,
    pause,
    update,
    position: () => position,
    mode: () => mode,
    frames: () => film.frames.length,
    times: () => [...times],
    // where a node stands on screen, in pixels of the canvas; for tests and for whoever wants to point at it
    place: (stage, tasks) => {
      for (const node of shown.nodes.values()) {
        const [at, serves] = film.nodes[node.id]
        const same = at === stage && String([...serves].sort((a, b) => a - b)) === String(tasks)
        if (same && node.status !== GHOST) return paint.rect(node)
      }
      return null
    },
    destroy() {
      ended = true
      cancelAnimationFrame(asked)
      clearTimeout(resting)
      sized.disconnect()
      seen.disconnect()
      host.textContent = ""
    },
  }
}
