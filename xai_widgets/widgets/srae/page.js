// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const { pixelated } = data.line;
const listOf = (tile, label) => makeModel({ cards: [], across: 0, headings: [], selected: 0, tile, pixelated, label });
const gridOf = (tile, columns) => makeModel({ columns, rows: [], selected: -1, tile, pixelated });
const features = listOf(104, "X-features");
const large = gridOf(144, [""]);
const exemplars = gridOf(72, data.columns);
const part = (name) => document.getElementById(name);
const write = (name, text) => { part(name).textContent = text; };
const page = () => data.classes[part("class").selectedIndex];
let kept = null;  // Index of the picture that is compared with.
const chosen = pictureLine({ makeModel, cards, line: data.line, show: showChosen });
const shown = () => page().pictures[chosen()];
const feature = () => shown().order[features.get("selected")];

function element(parent, className, text) {
  const made = document.createElement("div");
  made.className = className;
  made.textContent = text;
  return parent.appendChild(made);
}

// The steps of a picture in the order of another one's: each begins where the last one ended.
function inOrder(steps, order) {
  let at = steps[0].stop;
  return order.map(({ name, kind, feature: wanted }) => {
    const step = steps.find((one) => one.name === name && one.feature === wanted);
    if (kind === "total") return step;
    const start = at;
    at += step.stop - step.start;
    return { ...step, start, stop: at };
  });
}

function drawSum() {
  const { steps } = shown();
  const below = kept === null ? [] : inOrder(page().pictures[kept].steps, steps);
  const ends = [...steps, ...below].flatMap(({ start, stop }) => [start, stop]);
  const low = Math.min(0, ...ends);
  const width = Math.max(Math.max(0, ...ends) - low, 1e-6);
  const share = (score) => `${(100 * (score - low)) / width}%`;
  function drawStep(track, step, isKept) {
    const [left, right] = [Math.min(step.start, step.stop), Math.max(step.start, step.stop)];
    const fill = element(track, "xw-step-fill", "");
    const text = element(track, "xw-step-text", step.text);
    for (const one of [fill, text]) one.toggleAttribute("data-kept", isKept);
    fill.style.left = share(left);
    fill.style.width = `${(100 * (right - left)) / width}%`;
    if (step.colour) fill.style[isKept ? "borderColor" : "background"] = step.colour;
    text.style.left = share(right);
  }

  part("sum").replaceChildren();
  part("sum").toggleAttribute("data-both", kept !== null);
  for (const [index, step] of steps.entries()) {
    const row = element(part("sum"), "xw-step", "");
    row.setAttribute("role", "listitem");
    row.dataset.kind = step.kind;
    row.toggleAttribute("data-chosen", step.feature !== null && step.feature === feature());
    element(row, "xw-step-name", step.significant ? `${data.mark} ${step.name}` : step.name);
    const track = element(row, "xw-step-track", "");
    drawStep(track, step, false);
    if (kept !== null) drawStep(track, below[index], true);
  }
}

function showTurn() {
  const stop = Number(part("turn").value);
  write("times", data.stops[stop]);
  write("turned", shown().turned[feature()][stop]);
}

function showFeature() {
  const one = page().features[feature()];
  write("exemplars-line", one.line);
  exemplars.set("rows", one.rows);
  drawSum();
  showTurn();
}

function showPicture() {
  const one = shown();
  for (const line of ["sentence", "line"]) write(line, one[line]);
  verdictLine(part("verdict"), one.verdict);
  const other = kept === null ? [] : page().pictures[kept].rows;
  const asKept = (tile) => ({ ...tile, caption: tile.caption.replace(/^chosen/, "kept"), alt: tile.alt.replace(/^chosen/, "kept") });
  large.set("rows", [...one.rows, ...other.map((row) => ({ ...row, tiles: row.tiles.map(asKept) }))]);
  features.set("selected", 0);
  features.set("cards", one.cards);
  showFeature();
}

// The class that the classifier sees in the picture, where it has x-features.
function showChosen() {
  if (kept === null && data.predicted[chosen()] >= 0) part("class").selectedIndex = data.predicted[chosen()];
  showPicture();
}

function showClass() {
  keep(null);
}

// Keep a picture for comparison with those that are chosen next, or none.
function keep(index) {
  kept = index;
  const isOn = index !== null;
  write("compare", isOn ? "Stop comparing" : "Compare with this one");
  part("compare").setAttribute("aria-pressed", String(isOn));
  write("legend", `${data.legend}${isOn ? "; dashed: the one that was kept" : ""}`);
  showPicture();
}

for (const { name } of data.classes) part("class").add(new Option(name));
part("class").selectedIndex = data.chosen;
part("turn").max = data.stops.length - 1;
part("turn").value = data.stops.indexOf(1);
showClass();
for (const [model, name] of [[features, "features"]]) cards.render({ model, el: part(name) });
for (const [model, name] of [[large, "large"], [exemplars, "exemplars"]]) grid.render({ model, el: part(name) });
part("class").addEventListener("change", showClass);
part("compare").addEventListener("click", () => keep(kept === null ? chosen() : null));
part("turn").addEventListener("input", showTurn);
features.on("change:selected", showFeature);
