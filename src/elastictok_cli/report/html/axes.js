// The page's data; numbers, ticks and SVG nodes.
const data = JSON.parse(document.getElementById("data").textContent), files = data.files;
const root = document.documentElement, $ = id => document.getElementById(id);
const many = files.length > 1, end = Math.max(0.001, ...files.map(f => f.duration_s));
const colour = i => many ? (root.dataset.theme === "dark" ? data.dark : data.light)[i % data.light.length] : "var(--line)";
const NS = "http://www.w3.org/2000/svg";
const count = new Intl.NumberFormat("en-US"), whole = v => count.format(Math.round(v));
const kilo = v => v < 1e6 ? (v / 1000).toFixed(v < 1e5 ? 1 : 0) + " kB" : (v / 1e6).toFixed(2) + " MB";
const db = (file, v, unit) => !file.measured ? "not measured" : v === null ? "lossless" : v.toFixed(2) + unit;
const plain = v => v >= 1000 ? whole(v) : String(+v.toPrecision(3));

function make(parent, name, attributes, text) {
  const node = document.createElementNS(NS, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.appendChild(node);
  return node;
}

function ticks(low, high, most) { // round numbers from low to high, at most about `most`
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(f => f * power).find(s => s >= rough);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-6); i * step <= high + step * 1e-6; i++) out.push(+(i * step).toPrecision(12));
  return out;
}

function logTicks(low, high, most) { // of these, the finest that are at most `most`
  const within = subs => {
    const out = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
      for (const sub of subs) if (sub * 10 ** power >= low * .999 && sub * 10 ** power <= high * 1.001) out.push(+(sub * 10 ** power).toPrecision(6));
    return out;
  };
  const choices = [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]].map(within);
  return choices.find(c => c.length && c.length <= most) || ticks(low, high, most);
}

class Scale { // values to pixels
  constructor(low, high, from, to, log) {
    const f = log ? Math.log10 : v => v;
    Object.assign(this, {low, high, log});
    this.at = v => from + (to - from) * (f(Math.min(Math.max(v, low), high)) - f(low)) / (f(high) - f(low));
    this.ticks = most => log ? logTicks(low, high, most) : ticks(low, high, most);
  }
}
