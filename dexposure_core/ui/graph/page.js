// Runs after pyvis has drawn: labels that never overlap, neighbourhood on click, legend, zoom by button and keyboard.
// Every text from data arrives in JSON and is written with textContent or on the canvas; nothing is parsed as HTML.
(function () {
  "use strict";
  const setup = window.dexposure, box = document.getElementById("mynetwork"), facts = document.getElementById("facts");
  const all = nodes.get(), lines = edges.get(), byId = new Map(all.map(n => [n.id, n]));
  const find = document.getElementById("find"), found = document.getElementById("found");
  const touch = matchMedia("(pointer: coarse)").matches;
  let focus = null, hovered = null, fitted = 1, upto = setup.steps.length ? setup.steps.length - 1 : Infinity;
  const there = n => n.step <= upto;

  // vis-network takes the keyboard when the pointer enters, and a browser would scroll the page to what has it.
  box.querySelectorAll("*").forEach(part => { part.focus = () => HTMLElement.prototype.focus.call(part, { preventScroll: true }); });

  // A tall, narrow frame (a phone) shows the picture turned by a quarter: x and y change places.
  if (box.clientWidth < 0.8 * box.clientHeight) {
    all.forEach(n => { const x = n.x; n.x = -n.y; n.y = x; n.size *= 1.6; });
    setup.guides.forEach(g => { g.splice(0, 2, g[1], g[0]); });
    nodes.update(all.map(n => ({ id: n.id, x: n.x, y: n.y, size: n.size })));
  }
  nodes.update(all.map(n => ({ id: n.id, title: n.tip })));
  edges.update(lines.map(e => ({ id: e.id, title: e.tip })));

  function fit() {
    const xs = all.flatMap(n => [n.x - n.size, n.x + n.size]), ys = all.flatMap(n => [n.y - n.size, n.y + n.size]);
    setup.guides.forEach(([across, up]) => { xs.push(-across, across); ys.push(-up, up); });
    if (!xs.length) return;
    const top = document.getElementById("legend").offsetHeight + 8, left = Math.min(...xs), right = Math.max(...xs);
    const low = Math.min(...ys), high = Math.max(...ys), w = box.clientWidth - 70, h = box.clientHeight - top - (setup.steps.length ? 70 : 34);
    fitted = Math.min(w / Math.max(right - left, 200), h / Math.max(high - low, 200), 2.2);
    network.moveTo({ scale: fitted, position: { x: (left + right) / 2, y: (low + high) / 2 - (top - 12) / 2 / fitted } });
  }

  // Labels: strongest first, one of four places round the circle, only where no label and no larger circle stands.
  const hits = (a, b) => a[0] < b[2] && a[2] > b[0] && a[1] < b[3] && a[3] > b[1];
  function wanted(scale) {
    const more = Math.max(1, Math.pow(scale / fitted, 2)), plain = Math.round(setup.labels * more);
    const first = [];
    if (hovered !== null) first.push(byId.get(hovered));
    all.forEach(n => { if (n.marked) first.push(n); });
    if (focus) all.forEach(n => { if (focus.has(n.id)) first.push(n); });
    const rest = focus ? [] : all.slice(0, plain);
    return [...new Set([...first, ...rest])].filter(there);
  }
  function boxesFor(n, wide, tall) {
    const p = network.canvasToDOM({ x: n.x, y: n.y }), r = n.size * network.getScale() + 2;
    const d = 0.7 * r;
    return [[p.x - wide / 2, p.y + r], [p.x - wide / 2, p.y - r - tall], [p.x + r + 2, p.y - tall / 2], [p.x - r - 2 - wide, p.y - tall / 2],
      [p.x + d, p.y + d], [p.x + d, p.y - d - tall], [p.x - d - wide, p.y + d], [p.x - d - wide, p.y - d - tall]]
      .map(([x, y]) => [x, y, x + wide, y + tall]);
  }
  network.on("beforeDrawing", context => {
    context.save();
    context.strokeStyle = setup.line; context.lineWidth = 1.2 / network.getScale();
    context.fillStyle = setup.muted; context.textAlign = "center"; context.textBaseline = "bottom";
    context.font = 12 / network.getScale() + "px " + setup.font.replace(/^\S+ /, "");
    setup.guides.forEach(([across, up, name]) => {
      context.beginPath(); context.ellipse(0, 0, across, up, 0, 0, 2 * Math.PI); context.stroke();
      context.fillText(name, 0, -up - 3 / network.getScale());
    });
    context.restore();
  });
  network.on("afterDrawing", context => {
    const scale = network.getScale(), ratio = context.canvas.width / box.clientWidth, placed = [], tall = 14;
    const taken = setup.guides.map(([, up, name]) => {
      const p = network.canvasToDOM({ x: 0, y: -up }), half = 3.4 * name.length;
      return [p.x - half, p.y - 18, p.x + half, p.y];
    });
    if (!facts.hidden) taken.push([facts.offsetLeft, facts.offsetTop, facts.offsetLeft + facts.offsetWidth, facts.offsetTop + facts.offsetHeight]);
    context.save();
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.textBaseline = "middle"; context.textAlign = "left"; context.lineJoin = "round";
    const discs = all.filter(n => there(n) && n.size * scale > 5).map(n => {
      const p = network.canvasToDOM({ x: n.x, y: n.y }), r = n.size * scale * 0.8;
      return { id: n.id, at: [p.x - r, p.y - r, p.x + r, p.y + r] };
    });
    for (const n of wanted(scale)) {
      context.font = (n.marked || n.id === hovered ? "600 " : "") + setup.font;
      const options = boxesFor(n, context.measureText(n.label).width + 4, tall)
        .filter(b => b[0] > 0 && b[2] < box.clientWidth && b[1] > 0 && b[3] < box.clientHeight && !placed.some(o => hits(o, b)) && !taken.some(o => hits(o, b)));
      const clear = options.find(b => !discs.some(d => d.id !== n.id && hits(d.at, b))) || (n.marked || n.id === hovered || n.id < 15 ? options[0] : null);
      if (!clear) continue;
      placed.push(clear);
      context.strokeStyle = setup.paper; context.lineWidth = 4; context.fillStyle = setup.ink;
      context.strokeText(n.label, clear[0] + 2, clear[1] + tall / 2);
      context.fillText(n.label, clear[0] + 2, clear[1] + tall / 2);
    }
    context.restore();
    window.dexposureLabels = placed;
  });

  function show(ids, chosen) {
    focus = ids;
    nodes.update(all.map(n => ({ id: n.id, opacity: !ids || ids.has(n.id) ? 1 : 0.12 })));
    edges.update(lines.map(e => {
      const near = !ids || (chosen === undefined ? ids.has(e.from) && ids.has(e.to) : e.from === chosen || e.to === chosen);
      return { id: e.id, color: { color: e.color.color, opacity: near ? (ids ? 0.85 : e.color.opacity) : 0.04 } };
    }));
  }
  function tell(n) {
    facts.replaceChildren();
    facts.hidden = !n;
    if (!n) return;
    const name = document.createElement("b");
    name.textContent = n.label;
    facts.append(name);
    n.facts.forEach(text => { const p = document.createElement("p"); p.textContent = text; facts.append(p); });
    if (setup.open) {
      const link = document.createElement("a");
      link.href = setup.open + encodeURIComponent(n.key); link.target = "_blank"; link.rel = "noopener"; link.textContent = "Open its page";
      facts.append(link);
    }
  }
  function choose(id) {
    if (find) { find.value = id === undefined ? "" : byId.get(id).label; found.textContent = ""; }
    document.querySelectorAll("#legend button").forEach(b => b.setAttribute("aria-pressed", "false"));
    if (id === undefined) { show(null); tell(null); return; }
    show(new Set([id, ...network.getConnectedNodes(id)]), id);
    tell(byId.get(id));
  }
  network.on("click", event => choose(event.nodes[0]));
  network.on("hoverNode", event => { hovered = event.node; network.redraw(); });
  network.on("blurNode", () => { hovered = null; network.redraw(); });

  document.querySelectorAll("#legend button").forEach(button => button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    choose();
    button.setAttribute("aria-pressed", String(on));
    if (on) show(new Set(all.filter(n => n.group_key === Number(button.dataset.group)).map(n => n.id)));
  }));
  // Search: what is typed lights up as one types; Enter, or the only match, shows the protocol among its partners.
  const plain = text => text.toLowerCase().normalize("NFKD").replace(/[\u0300-\u036f]/g, "").trim();
  function search(taking) {
    const asked = plain(find.value);
    if (!asked) { choose(); return; }
    const matches = all.filter(n => plain(n.label).includes(asked) || plain(n.key) === asked);
    const first = matches.find(n => plain(n.label) === asked) || matches[0];
    if (first && (taking || matches.length === 1)) {
      const typed = find.value;
      choose(first.id);
      if (!taking) find.value = typed;
      network.selectNodes([first.id]);
      return;
    }
    show(new Set(matches.map(n => n.id)));
    tell(null);
    found.textContent = first ? matches.length + " found; Enter takes the largest" : "not among those shown";
  }
  if (find) {
    document.getElementById("names").replaceChildren(...all.map(n => { const o = document.createElement("option"); o.value = n.label; return o; }));
    find.addEventListener("input", () => search(false));
    find.addEventListener("keydown", event => {
      if (event.key === "Enter") search(true);
      if (event.key === "Escape") choose();
    });
  }
  const zoom = factor => network.moveTo({ scale: network.getScale() * factor, animation: { duration: 150, easingFunction: "linear" } });
  document.getElementById("zoom-in").addEventListener("click", () => zoom(1.35));
  document.getElementById("zoom-out").addEventListener("click", () => zoom(1 / 1.35));
  document.getElementById("zoom-fit").addEventListener("click", () => { choose(); fit(); });
  // The wheel scrolls the page it is on; with Ctrl (or a pinch) it zooms. A finger pans only with two.
  box.addEventListener("wheel", event => { if (!event.ctrlKey && !event.metaKey) event.stopPropagation(); }, true);
  if (touch) network.setOptions({ interaction: { dragView: false } });
  new ResizeObserver(() => { network.setSize("100%", "100%"); fit(); }).observe(document.body);
  fit();

  // Steps: what comes later than the chosen one is hidden; the button plays them one after the other.
  const slider = document.getElementById("step"), play = document.getElementById("play");
  let timer = null;
  function step(to) {
    upto = to;
    slider.value = to;
    document.getElementById("told").textContent = setup.steps[to];
    slider.setAttribute("aria-valuetext", setup.steps[to]);
    nodes.update(all.map(n => ({ id: n.id, hidden: !there(n) })));
    edges.update(lines.map(e => ({ id: e.id, hidden: !there(e) })));
  }
  function stop() {
    clearInterval(timer); timer = null;
    play.textContent = "▶"; play.setAttribute("aria-label", "Play the rounds");
  }
  if (slider) {
    slider.addEventListener("input", () => { stop(); step(Number(slider.value)); });
    play.addEventListener("click", () => {
      if (timer) { stop(); return; }
      play.textContent = "❚❚"; play.setAttribute("aria-label", "Stop");
      step(upto >= setup.steps.length - 1 ? 0 : upto + 1);
      timer = setInterval(() => { if (upto >= setup.steps.length - 1) stop(); else step(upto + 1); }, 1200);
    });
    step(upto);
  }
  const start = all.find(n => n.marked);
  if (start && setup.focus) choose(start.id);
})();
