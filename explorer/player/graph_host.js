
// The component of the explorer's pages around the function above: unpacks the film, and keeps one cursor with Python.
//
// Python's cursor is the one of the whole page. The graph follows it, but what a hand does here comes first: each report
// carries a number, and what Python says about the cursor counts only once it has heard the last report.

async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))
  return new Response(stream).json()
}

function follow(host, data) {
  const { graph } = host
  const another = host.run !== data.run
  host.run = data.run
  if (another) {
    graph.pause(false)
    graph.seek(data.moment, { glide: false })
  } else if (data.heard < host.sent) return
  if (data.playing) graph.play(data.speed)
  else if (graph.mode() === "play" && data.loose) graph.pause()
  else if (graph.mode() !== "drag" && (data.moment !== host.moment || graph.mode() === "play")) {
    graph.pause(false)
    graph.seek(data.moment)
  }
  host.moment = data.moment
}

async function show(host, data) {
  const film = host.key === data.key ? undefined : await unpacked(data.film)
  if (host.wanted !== data) return // newer data came while this film was unpacked
  host.key = data.key
  const { alt, height, orient, speed, focus } = data
  if (host.graph) {
    host.graph.update({ ...(film && { film }), alt, height, orient, speed, focus })
    follow(host, data)
    return
  }
  host.sent = data.heard
  host.moment = data.moment
  host.run = data.run
  const onRest = (index, playing) => {
    host.sent += 1
    if (!playing) host.moment = index
    host.trigger("cursor", { index, playing, n: host.sent })
  }
  const onPick = (mark) => host.trigger("picked", mark)
  host.graph = mountGraph(host, film, { alt, height, orient, speed, focus, index: data.moment, onRest, onPick })
  if (data.playing) host.graph.play(speed)
}

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".graph")
  host.trigger = setTriggerValue
  host.wanted = data
  show(host, data).catch((problem) => setTriggerValue("failed", problem.message))
  return () => {
    if (host.isConnected) return // a call that newer data overtook is cleaned up too; the graph stays
    host.graph?.destroy()
  }
}
