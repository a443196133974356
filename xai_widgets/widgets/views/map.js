// The map on a canvas, for pages without a notebook: classes as coloured shapes, and a point that a hand can drag.

const MARGIN = { top: 8, right: 12, bottom: 44, left: 52 };
const STEPS = 50; // from edge to edge by arrow keys
const RADIUS = 3.9; // of a class's mark, in pixels
const DASHES = [7, 6];

const within = (value, low, high) => Math.min(Math.max(value, low), high);
const written = (value, decimals) => value.toFixed(decimals).replace("-", "−");

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  const [left, right, low, high] = model.get("box");
  const [width, height] = [model.get("width"), model.get("height")];
  const inner = { width: width - MARGIN.left - MARGIN.right, height: height - MARGIN.top - MARGIN.bottom };
  const across = (x) => MARGIN.left + (inner.width * (x - left)) / (right - left);
  const down = (y) => MARGIN.top + (inner.height * (high - y)) / (high - low);
  const ground = document.createElement("canvas"); // all that does not move
  const backdrop = new Image();

  el.classList.add("xw", "xw-chart");
  el.append(canvas);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-label", model.get("about"));

  // --- what stands still ---

  function fitToScreen() {
    const density = window.devicePixelRatio || 1;
    for (const each of [canvas, ground]) {
      each.width = width * density;
      each.height = height * density;
      each.getContext("2d").setTransform(density, 0, 0, density, 0, 0);
    }
    canvas.style.width = `${width}px`;
    canvas.style.aspectRatio = `${width} / ${height}`;
  }

  function drawGround() {
    const colour = (name) => getComputedStyle(el).getPropertyValue(name).trim();
    const pen = ground.getContext("2d");
    pen.clearRect(0, 0, width, height);
    if (backdrop.naturalWidth) pen.drawImage(backdrop, MARGIN.left, MARGIN.top, inner.width, inner.height);
    drawAxes(pen, colour("--xw-quiet"));
    pen.save();
    pen.beginPath();
    pen.rect(MARGIN.left, MARGIN.top, inner.width, inner.height);
    pen.clip();
    for (const mark of model.get("marks")) drawMark(pen, mark, colour("--xw-ground"));
    drawRoute(pen, colour("--xw-ink"));
    pen.restore();
    draw();
  }

  function drawAxes(pen, ink) {
    const [bottom, { fontFamily }] = [MARGIN.top + inner.height, getComputedStyle(el)];
    Object.assign(pen, { font: `12px ${fontFamily}`, fillStyle: ink, strokeStyle: ink, lineWidth: 1 });
    pen.textAlign = "center";
    pen.strokeRect(MARGIN.left, MARGIN.top, 0, inner.height);
    pen.strokeRect(MARGIN.left, bottom, inner.width, 0);
    const [columns, rows] = model.get("ticks");
    for (const x of columns[0]) pen.fillText(written(x, columns[1]), across(x), bottom + 17);
    pen.textAlign = "right";
    for (const y of rows[0]) pen.fillText(written(y, rows[1]), MARGIN.left - 7, down(y) + 4);
    pen.textAlign = "center";
    pen.font = `13px ${fontFamily}`;
    pen.fillText(model.get("labels")[0], MARGIN.left + inner.width / 2, height - 7);
    pen.save();
    pen.translate(13, MARGIN.top + inner.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(model.get("labels")[1], 0, 0);
    pen.restore();
  }

  function drawMark(pen, { colour, path, points }, rim) {
    const shape = new Path2D(path);
    Object.assign(pen, { fillStyle: colour, strokeStyle: rim, lineWidth: 0.6 / RADIUS });
    for (const [x, y] of points) {
      pen.save();
      pen.translate(across(x), down(y));
      pen.scale(RADIUS, RADIUS);
      pen.fill(shape);
      pen.stroke(shape);
      pen.restore();
    }
  }

  function drawRoute(pen, ink) {
    Object.assign(pen, { strokeStyle: ink, lineWidth: 2.5 });
    pen.setLineDash(DASHES);
    pen.beginPath();
    for (const [x, y] of model.get("route")) pen.lineTo(across(x), down(y));
    pen.stroke();
    pen.setLineDash([]);
    if (model.get("home")) circle(pen, ...model.get("home"), 11.5);
  }

  function circle(pen, x, y, radius) {
    pen.beginPath();
    pen.arc(across(x), down(y), radius, 0, 2 * Math.PI);
    pen.stroke();
  }

  // --- the point ---

  function draw() {
    context.clearRect(0, 0, width, height);
    context.drawImage(ground, 0, 0, width, height);
    Object.assign(context, { fillStyle: "white", strokeStyle: "#1f2328", lineWidth: 3.5 });
    circle(context, model.get("x"), model.get("y"), 9);
    context.fill();
  }

  function move(x, y) {
    model.set("x", within(x, left, right));
    model.set("y", within(y, low, high));
    model.save_changes();
  }

  function follow(event) {
    const shown = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - shown.left, event.clientY - shown.top].map((at) => (at * width) / shown.width);
    const [wide, tall] = [(x - MARGIN.left) / inner.width, (y - MARGIN.top) / inner.height];
    move(left + wide * (right - left), high - tall * (high - low));
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) follow(event);
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const reach = (event.shiftKey ? 5 : 1) / STEPS;
    const [x, y] = [model.get("x"), model.get("y")];
    const [wide, tall] = [reach * (right - left), reach * (high - low)];
    const places = {
      ArrowLeft: [x - wide, y], ArrowRight: [x + wide, y], ArrowUp: [x, y + tall], ArrowDown: [x, y - tall],
      Home: model.get("home") ?? [x, y],
    };
    if (!(event.key in places)) return;
    event.preventDefault();
    move(...places[event.key]);
  });

  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", drawGround);
  backdrop.addEventListener("load", drawGround);
  backdrop.src = model.get("backdrop");
  for (const name of ["x", "y"]) model.on(`change:${name}`, draw);
  fitToScreen();
  drawGround();
}

export default { render };
