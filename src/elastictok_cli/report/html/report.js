"use strict";
// Draws the report from the data in the page. Everything that moves follows one number: the block that is looked at.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const files = data.files, NS = "http://www.w3.org/2000/svg";
  const root = document.documentElement, $ = id => document.getElementById(id);
  const video = $("video"), canvas = $("heat");
  const many = files.length > 1, end = Math.max(0.001, ...files.map(f => f.duration_s));
  let chosen = 0, hovered = null; // file of table and heat map; time under the pointer

  const count = new Intl.NumberFormat("en-US"), whole = v => count.format(Math.round(v));
  const kilo = v => v < 1e5 ? (v / 1000).toFixed(1) + " kB" : (v / 1e6).toFixed(2) + " MB";
  const db = (file, v, unit) => !file.measured ? "not measured" : v === null ? "lossless" : v.toFixed(2) + unit;
  const colour = i => many ? (root.dataset.theme === "dark" ? data.dark : data.light)[i % data.light.length] : "var(--line)";

  function blockAt(file, time) {
    let low = 0, high = file.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (file.blocks[middle].time_s <= time) low = middle; else high = middle - 1;
    }
    return low;
  }

  function make(parent, name, attributes, text) {
    const node = document.createElementNS(NS, name);
    for (const key in attributes) node.setAttribute(key, attributes[key]);
    if (text !== undefined) node.textContent = text;
    parent.appendChild(node);
    return node;
  }

  function ticks(top, most) { // round numbers from 0 to top
    const rough = top / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= rough);
    const out = [];
    for (let i = 0; i * step <= top * 1.0001; i++) out.push(i * step);
    return out;
  }

  const W = 1000, LEFT = 66, RIGHT = 24; // the last time's label is centred on the plot's end
  const x = time => LEFT + (W - LEFT - RIGHT) * Math.min(Math.max(time / end, 0), 1);

  class Chart { // one strip over time
    constructor(holder, title, height, values, low, high, format, more) {
      this.bottom = 8; // room below the plot
      Object.assign(this, {holder, title, height, values, low, high, format}, more);
      this.draw();
      holder.addEventListener("pointermove", event => look(this.time(event), this));
      holder.addEventListener("pointerleave", () => look(null));
      holder.addEventListener("click", event => seek(this.time(event)));
    }
    time(event) {
      const box = this.svg.getBoundingClientRect();
      const at = (event.clientX - box.left) / box.width * W;
      return Math.min(Math.max((at - LEFT) / (W - LEFT - RIGHT), 0), 1) * end;
    }
    y(value) {
      const inner = this.height - 20 - this.bottom;
      return 20 + inner * (1 - (Math.min(Math.max(value, this.low), this.high) - this.low) / (this.high - this.low));
    }
    draw() {
      this.holder.replaceChildren();
      const svg = this.svg = make(this.holder, "svg", {viewBox: `0 0 ${W} ${this.height}`, role: "img", "aria-label": this.title});
      make(svg, "text", {x: LEFT, y: 12, class: "title"}, this.title);
      for (const value of ticks(this.high - this.low, 4)) {
        const y = this.y(this.low + value);
        make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: y, y2: y, class: "grid"});
        make(svg, "text", {x: LEFT - 6, y: y + 4, "text-anchor": "end"}, this.format(this.low + value));
      }
      files.forEach((file, i) => this.drawFile(svg, file, i));
      for (const cut of data.cuts || []) make(svg, "line", {x1: x(cut), x2: x(cut), y1: 20, y2: this.height - this.bottom, class: "cutline"});
      for (const time of ticks(end, 8)) {
        const foot = this.height - this.bottom;
        make(svg, "line", {x1: x(time), x2: x(time), y1: foot, y2: foot + 4, class: "axis"});
        if (this.times) make(svg, "text", {x: x(time), y: foot + 16, "text-anchor": time ? "middle" : "start"}, `${+time.toPrecision(6)} s`);
      }
      this.cross = make(svg, "line", {y1: 20, y2: this.height - this.bottom, class: "cross", visibility: "hidden"});
      this.head = make(svg, "line", {y1: 14, y2: this.height - this.bottom, class: "playhead", visibility: "hidden"});
      this.tip = document.createElement("div");
      this.tip.className = "tip";
      this.tip.hidden = true;
      this.holder.appendChild(this.tip);
    }
    drawFile(svg, file, i) {
      const edge = n => n < file.blocks.length ? file.blocks[n].time_s : file.duration_s;
      if (this.bars && !many) {
        const gap = file.blocks.length < 150 ? 1 : 0;
        file.blocks.forEach((block, n) => {
          const kind = !block.met ? "missed" : block.starts_gop ? "first" : block.cut && !data.cuts ? "cut" : "bar";
          const top = this.y(block.tokens), left = x(edge(n));
          make(svg, "rect", {x: left, y: top, width: Math.max(.5, x(edge(n + 1)) - left - gap),
            height: Math.max(0, this.y(0) - top), fill: `var(--${kind})`});
        });
        return;
      }
      if (this.goal && !file.measured) return;
      let path = "";
      file.blocks.forEach((block, n) => {
        const y = this.y(this.values(file, n)).toFixed(2);
        path += `${path ? "L" : "M"}${x(edge(n)).toFixed(2)} ${y}L${x(edge(n + 1)).toFixed(2)} ${y}`;
      });
      make(svg, "path", {d: path, fill: "none", stroke: colour(i), "stroke-width": 1.8});
      if (this.goal && file.goal_db !== null) {
        const y = this.y(file.goal_db);
        make(svg, "line", {x1: LEFT, x2: W - RIGHT, y1: y, y2: y, class: "goal"});
      }
    }
    mark(line, time) {
      line.setAttribute("visibility", time === null ? "hidden" : "visible");
      if (time !== null) { line.setAttribute("x1", x(time)); line.setAttribute("x2", x(time)); }
    }
  }

  const all = files.flatMap(f => f.blocks);
  const quality = all.map(b => b.psnr_db).filter(v => v !== null).concat(files.map(f => f.goal_db).filter(v => v !== null));
  const low = quality.length ? Math.floor(Math.min(...quality) - .5) : 0, high = quality.length ? Math.ceil(Math.max(...quality) + .5) : 100;
  const measured = files.some(f => f.measured);
  const charts = [
    new Chart($("tokens"), "tokens a block", 240, (f, n) => f.blocks[n].tokens, 0, 1.05 * Math.max(1, ...all.map(b => b.tokens)), whole, {bars: true}),
    measured && new Chart($("quality"), "PSNR in dB", 130, (f, n) => f.blocks[n].psnr_db ?? high, low, high, v => v.toFixed(1), {goal: true}),
    new Chart($("bytes"), "bytes so far", 136, (f, n) => f.blocks[n].bytes_so_far, 0, 1.05 * Math.max(1, ...all.map(b => b.bytes_so_far)), kilo, {times: true, bottom: 24}),
  ].filter(Boolean);
  if (!measured) { $("quality").className = "hint"; $("quality").textContent = "PSNR: not measured"; }

  function told(time) {
    const lines = [time.toFixed(2) + " s"];
    files.forEach((file, i) => {
      const block = file.blocks[blockAt(file, time)];
      if (!block) return;
      lines.push(`${many ? file.label + "  " : ""}block ${block.index}: ${whole(block.tokens)} tokens, ${db(file, block.psnr_db, " dB")}` +
        `, ${kilo(block.bytes_so_far)}${block.met ? "" : ", missed"}`);
    });
    return lines.join("\n");
  }

  function look(time, chart) { // the pointer is at this time; null: nowhere
    hovered = time;
    for (const each of charts) {
      each.mark(each.cross, time);
      each.tip.hidden = time === null || each !== chart;
    }
    if (time !== null && chart) {
      chart.tip.textContent = told(time);
      const share = x(time) / W;
      chart.tip.style.left = share < .6 ? `calc(${100 * share}% + 10px)` : "";
      chart.tip.style.right = share < .6 ? "" : `calc(${100 * (1 - share)}% + 10px)`;
    }
    show();
  }

  const playing = () => video ? Math.max(0, video.currentTime - data.video_offset_s) : null;

  function seek(time) {
    if (video) { video.currentTime = time + data.video_offset_s; show(); }
    else { pinned = time; show(); }
  }
  let pinned = null, row = null;

  function show() { // playhead, heat map, rates and table follow the pointer, else the video, else what was clicked
    const head = video ? playing() : pinned;
    for (const chart of charts) chart.mark(chart.head, head);
    const time = hovered ?? head ?? 0, file = files[chosen];
    if (!file.blocks.length) return;
    const n = blockAt(file, time);
    if (row !== null) row.classList.remove("now");
    row = $("rows").children[n];
    row.classList.add("now");
    root.dataset.block = n;
    drawHeat(file, n);
    drawRates(file, n);
  }

  function heatColour(share) {
    const dark = root.dataset.theme === "dark", stops = dark
      ? [[22, 27, 34], [66, 46, 120], [190, 70, 110], [252, 190, 110]] : [[246, 248, 250], [170, 221, 200], [44, 140, 180], [16, 40, 110]];
    const at = Math.min(share, .9999) * 3, i = Math.floor(at), part = at - i;
    return stops[i].map((v, c) => Math.round(v + (stops[i + 1][c] - v) * part));
  }

  function drawHeat(file, n) {
    if (!canvas) return;
    const whose = many ? file.label + "  " : "";
    canvas.style.visibility = file.heat ? "visible" : "hidden"; // not the map of the file before
    if (!file.heat) { $("heatnote").textContent = whose + "no heat map"; return; }
    const {rows, columns, maps, height, width} = file.heat;
    const shown = n === null ? file.heat.mean : maps[n];
    canvas.width = columns; canvas.height = rows;
    canvas.style.aspectRatio = `${width} / ${height}`;
    const pen = canvas.getContext("2d"), image = pen.createImageData(columns, rows);
    shown.forEach((value, i) => {
      const [r, g, b] = heatColour(Math.sqrt(value / Math.max(1, file.heat.most)));
      image.data.set([r, g, b, 255], 4 * i);
    });
    pen.putImageData(image, 0, 0);
    $("heatnote").textContent = `${whose}block ${n}: ${whole(file.blocks[n].tokens)} tokens, most in one place ${whole(Math.max(...shown))}`;
  }

  function drawRates(file, n) {
    const holder = $("rates");
    if (!holder) return;
    holder.replaceChildren();
    const points = ((file.rates || {})[n] || []).filter(p => p[0] > 0 && p[1] > 0).sort((a, b) => a[0] - b[0]);
    $("ratesnote").textContent = points.length ? `block ${n}: ${points.length} candidates` : `block ${n}: nothing was kept`;
    if (!points.length) return;
    const H = 220, logs = points.map(p => [Math.log10(p[0]), Math.log10(p[1])]);
    const span = c => { const v = logs.map(p => p[c]); return [Math.min(...v) - .05, Math.max(...v) + .05]; };
    const [x0, x1] = span(0), [y0, y1] = span(1);
    const px = v => LEFT + (W / 2 - LEFT - RIGHT) * (v - x0) / (x1 - x0), py = v => 14 + (H - 40) * (1 - (v - y0) / (y1 - y0));
    const svg = make(holder, "svg", {viewBox: `0 0 ${W / 2} ${H}`});
    make(svg, "path", {d: logs.map((p, i) => `${i ? "L" : "M"}${px(p[0])} ${py(p[1])}`).join(""), fill: "none", stroke: colour(chosen)});
    logs.forEach((p, i) => {
      const dot = make(svg, "circle", {cx: px(p[0]), cy: py(p[1]), r: points[i][0] === file.blocks[n].tokens ? 6 : 3.5, fill: colour(chosen)});
      make(dot, "title", {}, `${whole(points[i][0])} tokens, MSE ${points[i][1].toPrecision(4)}`);
    });
    make(svg, "text", {x: LEFT, y: H - 6}, `tokens ${whole(points[0][0])} to ${whole(points[points.length - 1][0])}, logarithmic`);
    make(svg, "text", {x: LEFT - 6, y: 18, "text-anchor": "end"}, (10 ** y1).toPrecision(2));
    make(svg, "text", {x: LEFT - 6, y: H - 26, "text-anchor": "end"}, (10 ** y0).toPrecision(2));
  }

  function fillTable() {
    const file = files[chosen];
    $("rows").replaceChildren(...file.blocks.map(block => {
      const line = document.createElement("tr");
      const cells = [block.index, block.time_s.toFixed(2), whole(block.tokens), (100 * block.tokens / Math.max(1, block.max_tokens)).toPrecision(3),
        db(file, block.psnr_db, ""), block.met ? "yes" : "no", kilo(block.bytes_so_far),
        block.starts_gop ? "GOP" : block.cut ? "cut?" : ""];
      cells.forEach((text, i) => {
        const cell = document.createElement("td");
        cell.textContent = text;
        if (i === 5 && !block.met) cell.className = "bad";
        line.appendChild(cell);
      });
      line.addEventListener("click", () => seek(block.time_s));
      return line;
    }));
    row = null;
  }

  function paint() {
    charts.forEach(chart => chart.draw());
    document.querySelectorAll("[data-series]").forEach(node => { node.style.background = colour(+node.dataset.series); });
    show();
  }

  $("theme").addEventListener("click", () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; paint(); });
  if ($("file")) $("file").addEventListener("change", event => { chosen = +event.target.value; fillTable(); show(); });
  document.addEventListener("keydown", event => {
    if (event.target.closest("video, select, button") || !["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const file = files[chosen], n = +root.dataset.block + (event.key === "ArrowRight" ? 1 : -1);
    if (n >= 0 && n < file.blocks.length) { event.preventDefault(); seek(file.blocks[n].time_s); }
  });
  if (video) {
    const follow = () => { show(); if (!video.paused) requestAnimationFrame(follow); };
    for (const name of ["play", "seeked", "timeupdate", "loadedmetadata"]) video.addEventListener(name, follow);
    video.addEventListener("error", () => { $("videonote").textContent = "this browser cannot play the video"; }, true);
  }
  if (!root.dataset.theme) root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  fillTable();
  paint();
  root.dataset.ready = "yes";
})();
