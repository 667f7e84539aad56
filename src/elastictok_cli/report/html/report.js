// Ties the page together. Everything that moves follows one number: the block that is looked at.
let chosen = 0, hovered = null, pinned = null, row = null; // file of table and heat map; time under the pointer; time clicked

function blockAt(file, time) {
  let low = 0, high = file.blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (file.blocks[middle].time_s <= time) low = middle; else high = middle - 1;
  }
  return low;
}

const all = files.flatMap(f => f.blocks), measured = files.some(f => f.measured);
const quality = all.map(b => b.psnr_db).filter(v => v !== null).concat(files.map(f => f.goal_db).filter(v => v !== null));
const low = quality.length ? Math.floor(Math.min(...quality) - .7) : 0, high = quality.length ? Math.ceil(Math.max(...quality) + .3) : 100;
const most = Math.max(1, ...all.map(b => b.tokens)), least = Math.max(1, Math.min(...all.map(b => b.tokens)));
const charts = [
  new Chart($("tokens"), `tokens per block${data.log ? " (log)" : ""}`, 250, data.log ? [least / 1.3, 1.3 * most] : [0, 1.05 * most],
    (f, n) => f.blocks[n].tokens, whole, {bars: true, log: data.log}),
  measured && new Chart($("quality"), "PSNR in dB", 150, [low, high], (f, n) => f.blocks[n].psnr_db ?? high, v => v.toFixed(1), {goal: true}),
  new Chart($("bytes"), "bytes so far", 140, [0, 1.05 * Math.max(1, ...all.map(b => b.bytes_so_far))], (f, n) => f.blocks[n].bytes_so_far, kilo, {sums: true}),
].filter(Boolean);
if (!measured) { $("quality").className = "hint"; $("quality").textContent = "PSNR: not measured"; }

function values(time) { // of the blocks at this time, one line per file
  const lines = [time.toFixed(2) + " s"];
  files.forEach(file => {
    const block = file.blocks[blockAt(file, time)];
    if (!block) return;
    lines.push(`${many ? file.label + "  " : ""}block ${block.index}: ${whole(block.tokens)} tokens, ${db(file, block.psnr_db, " dB")}` +
      `, ${kilo(block.bytes_so_far)}${block.short ? `, ${block.frames} frames only` : ""}${block.met ? "" : ", misses the threshold"}`);
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
    const x = chart.x.at(time), right = x > .55 * chart.width;
    chart.tip.textContent = values(time);
    chart.tip.style.left = right ? "" : `${x + 10}px`;
    chart.tip.style.right = right ? `${chart.width - x + 10}px` : "";
  }
  show();
}

function seek(time) {
  pinned = time;
  if (master) moveVideos(time);
  show();
}

function show() { // playhead, heat map, rates and table follow the pointer, else the video, else what was clicked
  const head = master ? playing() : pinned;
  for (const chart of charts) chart.mark(chart.head, head);
  const file = files[chosen];
  if (!file.blocks.length) return;
  const n = blockAt(file, hovered ?? head ?? 0);
  if (row !== null) row.classList.remove("now");
  row = $("rows").children[n];
  row.classList.add("now");
  drawHeat(file, n);
  if (root.dataset.block !== `${n}` || root.dataset.file !== `${chosen}`) drawRates(file, n);
  root.dataset.block = n;
  root.dataset.file = chosen;
}

function fillTable() {
  const file = files[chosen];
  $("rows").replaceChildren(...file.blocks.map(block => {
    const line = document.createElement("tr");
    const notes = [block.starts_gop && "GOP", block.cut && "cut?", block.short && `${block.frames} frames`].filter(Boolean);
    const cells = [block.index, block.time_s.toFixed(2), whole(block.tokens), (100 * block.tokens / Math.max(1, block.max_tokens)).toPrecision(3),
      db(file, block.psnr_db, ""), block.met ? "yes" : "no", kilo(block.bytes_so_far), notes.join(", ")];
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
  delete root.dataset.block;
  show();
}

const keys = {
  ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => seek(0), End: () => seek(end), " ": togglePlay,
  s: () => $("source") && view("source"), d: () => $("decoded") && view("decoded"), b: () => videos.length === 2 && view("both"), t: toggleHeat,
};
function step(by) {
  const file = files[chosen], n = Math.min(Math.max(+root.dataset.block + by, 0), file.blocks.length - 1);
  seek(file.blocks[n].time_s + (master ? 1e-3 : 0));
}
document.addEventListener("keydown", event => {
  const action = keys[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, .scroll")) return;
  if (event.key === " " && event.target.closest("button")) return;
  event.preventDefault();
  action();
});
$("theme").addEventListener("click", () => { root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark"; paint(); });
if ($("file")) $("file").addEventListener("change", event => { chosen = +event.target.value; fillTable(); show(); });
if (!root.dataset.theme) root.dataset.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
fillTable();
wireStage();
paint();
let width = document.body.clientWidth;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  paint();
}).observe(document.body);
root.dataset.ready = "yes";
