// The strips over time, and what the search saw of one block.
const LEFT = 64, RIGHT = 26, TOP = 22, FOOT = 22; // pixels around a plot; half of the last time's label fits in RIGHT

class Chart { // one strip over time. values(file, n): of a block. goal: has the threshold's line. sums: values add up. bars: one file is drawn as bars
  constructor(holder, title, height, range, values, format, more) {
    Object.assign(this, {holder, title, height, range, values, format}, more);
    this.draw();
    holder.addEventListener("pointermove", event => look(this.time(event), this));
    holder.addEventListener("pointerleave", () => look(null));
    holder.addEventListener("click", event => seek(this.time(event)));
  }
  time(event) {
    const box = this.svg.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - box.left - LEFT) / (this.width - LEFT - RIGHT), 0), 1) * end;
  }
  draw() {
    const W = this.width = Math.max(240, this.holder.clientWidth), H = this.height, foot = H - FOOT;
    this.x = new Scale(0, end, LEFT, W - RIGHT);
    this.y = new Scale(...this.range, foot, TOP, this.log);
    this.holder.replaceChildren();
    const svg = this.svg = make(this.holder, "svg", {viewBox: `0 0 ${W} ${H}`, height: H, role: "img", "aria-label": this.title});
    const pattern = make(make(svg, "defs", {}), "pattern", {id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)"});
    make(pattern, "rect", {width: 2.5, height: 6, fill: "var(--paper)"});
    make(svg, "text", {x: LEFT, y: 13, class: "title"}, this.title);
    for (const value of this.y.ticks(H > 180 ? 6 : 4)) {
      const y = this.y.at(value);
      make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: y, y2: y, class: "grid"});
      make(svg, "text", {x: LEFT - 6, y: y + 4, "text-anchor": "end"}, this.format(value));
    }
    make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: foot, y2: foot, class: "axis"});
    for (const time of ticks(0, end, Math.max(2, Math.floor(W / 95)))) {
      const x = this.x.at(time);
      make(svg, "line", {x1: x, x2: x, y1: foot, y2: foot + 4, class: "axis"});
      make(svg, "text", {x, y: foot + 17, "text-anchor": "middle", class: "time"}, `${+time.toPrecision(6)} s`);
    }
    files.forEach((file, i) => this.drawFile(svg, file, i));
    for (const cut of data.cuts || []) make(svg, "line", {x1: this.x.at(cut), x2: this.x.at(cut), y1: TOP, y2: foot, class: "cutline"});
    this.cross = make(svg, "line", {y1: TOP, y2: foot, class: "cross", visibility: "hidden"});
    this.head = make(svg, "line", {y1: TOP - 4, y2: foot, class: "playhead", visibility: "hidden"});
    this.tip = document.createElement("div");
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.holder.appendChild(this.tip);
  }
  drawFile(svg, file, i) {
    const edge = n => this.x.at(n < file.blocks.length ? file.blocks[n].time_s : file.duration_s);
    if (this.bars && !many) {
      const gap = file.blocks.length < 150 ? 1 : 0, zero = this.y.at(0);
      file.blocks.forEach((block, n) => {
        const kind = !block.met ? "missed" : block.starts_gop ? "first" : block.cut && !data.cuts ? "cut" : "bar";
        const y = this.y.at(block.tokens), x = edge(n), box = {x, y, width: Math.max(.5, edge(n + 1) - x - gap), height: zero - y};
        make(svg, "rect", {...box, fill: `var(--${kind})`, class: "block"});
        if (block.short) make(svg, "rect", {...box, fill: "url(#hatch)"});
      });
      return;
    }
    if (this.goal && !file.measured) return;
    let path = this.sums ? `M${edge(0)} ${this.y.at(0)}` : "";
    file.blocks.forEach((block, n) => {
      const y = this.y.at(this.values(file, n)).toFixed(2);
      if (!this.sums) path += `${path ? "L" : "M"}${edge(n).toFixed(2)} ${y}`;
      path += `L${edge(n + 1).toFixed(2)} ${y}`;
    });
    make(svg, "path", {d: path, fill: "none", stroke: colour(i), "stroke-width": 1.8});
    if (this.goal && file.goal_db !== null) {
      const y = this.y.at(file.goal_db);
      make(svg, "line", {x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y, class: "goal"});
      const below = y + 18 < this.height - FOOT;
      make(svg, "text", {x: this.width - RIGHT - 2, y: below ? y + 15 : y - 5, "text-anchor": "end", class: "over"}, `threshold ${file.threshold} (${file.goal_db.toFixed(2)} dB)`);
    }
  }
  mark(line, time) {
    line.setAttribute("visibility", time === null ? "hidden" : "visible");
    if (time !== null) for (const end of ["x1", "x2"]) line.setAttribute(end, this.x.at(time));
  }
}

function drawRates(file, n) {
  const holder = $("rates");
  if (!holder) return;
  holder.replaceChildren();
  const points = ((file.rates || {})[n] || []).filter(p => p[0] > 0 && p[1] > 0).sort((a, b) => a[0] - b[0]);
  $("ratesnote").textContent = points.length ? `block ${n}: ${points.length} candidates, the chosen one is larger` : `block ${n}: no candidates were kept`;
  if (!points.length) return;
  const W = Math.max(240, holder.clientWidth), H = 260, foot = H - 42;
  const span = (values, pad) => [Math.min(...values) / pad, Math.max(...values) * pad];
  const x = new Scale(...span(points.map(p => p[0]), 1.1), LEFT, W - RIGHT, true);
  const y = new Scale(...span(points.map(p => p[1]).concat(file.goal_db === null ? [] : [file.threshold]), 1.08), foot, TOP, true);
  const svg = make(holder, "svg", {viewBox: `0 0 ${W} ${H}`, height: H, role: "img", "aria-label": "tokens and error of the candidates"});
  make(svg, "text", {x: LEFT, y: 13, class: "title"}, "mean squared error (log)");
  make(svg, "text", {x: W - RIGHT, y: H - 4, "text-anchor": "end", class: "title"}, "tokens per block (log)");
  for (const value of y.ticks(6)) {
    make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: y.at(value), y2: y.at(value), class: "grid"});
    make(svg, "text", {x: LEFT - 6, y: y.at(value) + 4, "text-anchor": "end"}, plain(value));
  }
  for (const value of x.ticks(Math.floor(W / 90))) {
    make(svg, "line", {x1: x.at(value), x2: x.at(value), y1: foot, y2: foot + 4, class: "axis"});
    make(svg, "text", {x: x.at(value), y: foot + 17, "text-anchor": "middle"}, plain(value));
  }
  make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: foot, y2: foot, class: "axis"});
  if (file.goal_db !== null) {
    const at = y.at(file.threshold);
    make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: at, y2: at, class: "goal"});
    make(svg, "text", {x: W - RIGHT - 2, y: at - 5, "text-anchor": "end", class: "over"}, `threshold ${file.threshold}`);
  }
  make(svg, "path", {d: points.map((p, i) => `${i ? "L" : "M"}${x.at(p[0])} ${y.at(p[1])}`).join(""), fill: "none", stroke: colour(chosen)});
  for (const [tokens, mse] of points) {
    const dot = make(svg, "circle", {cx: x.at(tokens), cy: y.at(mse), r: tokens === file.blocks[n].tokens ? 6 : 3.5, fill: colour(chosen)});
    make(dot, "title", {}, `${whole(tokens)} tokens, MSE ${mse.toPrecision(4)}`);
  }
}
