// The videos, kept at one time and inside the file, and the tokens by place over the picture that is shown.
const videos = ["source", "decoded"].map(name => $(name)).filter(Boolean);
const master = videos[0] || null, canvas = $("heat");
const offset = video => data.starts_s[video.id];
const last = files[0] ? files[0].duration_s : 0; // where the file stops; the source may go on
const LAST_FRAME = .02; // before the end, so that the last frame is still shown

const playing = () => master ? Math.min(Math.max(0, master.currentTime - offset(master)), last) : null;

function moveVideos(time) {
  const at = Math.min(Math.max(time, 0), Math.max(0, last - LAST_FRAME));
  for (const video of videos) video.currentTime = at + offset(video);
}

function togglePlay() {
  if (!master) return;
  if (!master.paused) return videos.forEach(video => video.pause());
  if (playing() >= last - 2 * LAST_FRAME) moveVideos(0);
  videos.forEach(video => video.play().catch(() => { $("videonote").textContent = "this browser cannot play the video"; }));
}

function follow() { // once per frame while it plays
  if (master.currentTime < offset(master) - LAST_FRAME) moveVideos(0);
  if (!master.paused && playing() >= last - LAST_FRAME) {
    videos.forEach(video => video.pause());
    moveVideos(last);
  }
  for (const video of videos.slice(1)) {
    const wanted = master.currentTime - offset(master) + offset(video);
    if (!video.seeking && Math.abs(video.currentTime - wanted) > (master.paused ? .001 : .08)) video.currentTime = wanted;
  }
  $("play").textContent = master.paused ? "Play" : "Pause";
  $("seek").value = playing();
  $("clock").textContent = `${playing().toFixed(2)} / ${last.toFixed(2)} s`;
  show();
  if (!master.paused) requestAnimationFrame(follow);
}

function view(name) { // source, decoded or both
  for (const video of videos) video.closest("figure").hidden = name !== "both" && name !== video.id;
  for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", button.dataset.view === name);
  layStage();
}

function toggleHeat() {
  const box = canvas && canvas.closest("figure");
  if (!box || !master) return;
  box.hidden = !box.hidden;
  $("places").setAttribute("aria-pressed", !box.hidden);
  layStage();
}

function layStage() {
  const shown = document.querySelectorAll(".stage figure:not([hidden])").length;
  $("stage").classList.toggle("one", shown === 1);
  $("stage").classList.toggle("both", videos.length === 2 && videos.every(video => !video.closest("figure").hidden));
}

const ramp = data.heat.map(c => [1, 3, 5].map(i => parseInt(c.slice(i, i + 2), 16)));
function heatColour(share) { // as in report/maps.py: by the square root of the count, and clear where there are few
  const at = Math.min(share, .9999) * (ramp.length - 1), i = Math.floor(at), part = at - i;
  return `rgb(${ramp[i].map((v, c) => Math.round(v + (ramp[i + 1][c] - v) * part)).join(" ")} / ${.85 * share ** .7})`;
}

function drawHeat(file, n) {
  if (!canvas) return;
  const whose = many ? file.label + "  " : "", heat = file.heat;
  canvas.style.visibility = heat ? "visible" : "hidden"; // not the map of the file before
  if (!heat) { $("heatnote").textContent = whose + "no heat map"; return; }
  const turned = heat.rotation % 180, shown = heat.maps[n], [wide, high] = heat.size;
  canvas.width = turned ? high : wide;
  canvas.height = turned ? wide : high;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#333";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  const picture = $("source") || $("decoded");
  if (picture && picture.readyState >= 2) {
    pen.filter = "grayscale(1) brightness(.6)";
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    pen.filter = "none";
  }
  pen.translate(canvas.width / 2, canvas.height / 2);
  pen.rotate(heat.rotation * Math.PI / 180);
  pen.translate(-wide / 2, -high / 2);
  shown.forEach((value, i) => {
    if (!value) return;
    pen.fillStyle = heatColour(Math.sqrt(value / Math.max(1, heat.most)));
    pen.fillRect(i % heat.columns * heat.cell[1], Math.floor(i / heat.columns) * heat.cell[0], heat.cell[1], heat.cell[0]);
  });
  const stops = Array.from({length: 11}, (_, i) => heatColour(i / 10)).join(",");
  $("scale").style.background = `linear-gradient(90deg, ${stops}), #333`;
  ["", ...[0, .25, 1].map(share => whole(share * heat.most))].forEach((text, i) => { if (i) $("ends").children[i - 1].textContent = text; });
  $("heatnote").textContent = `${whose}block ${n}: ${whole(file.blocks[n].tokens)} tokens, most in one place ${whole(Math.max(...shown))}`;
}

function wireStage() {
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => view(button.dataset.view));
  if ($("places")) $("places").addEventListener("click", toggleHeat);
  if (canvas) layStage();
  if (!master) return;
  view(videos.length === 2 ? "both" : master.id);
  $("seek").max = last;
  $("play").addEventListener("click", togglePlay);
  $("seek").addEventListener("input", event => seek(+event.target.value));
  $("mute").addEventListener("click", () => {
    master.muted = !master.muted;
    $("mute").setAttribute("aria-pressed", master.muted);
  });
  for (const name of ["play", "pause", "seeked", "timeupdate", "loadeddata"]) master.addEventListener(name, follow);
  for (const video of videos) {
    video.muted = video !== master;
    video.addEventListener("seeked", show);
    video.addEventListener("click", togglePlay);
    video.addEventListener("error", () => { $("videonote").textContent = "this browser cannot play the video"; }, true);
  }
}
