// The network as a strip of layers: a listbox of which one option is chosen.

const GLYPHS = { ready: "●", fitting: "◐", "to fit": "○" };
const OPTION = '[role="option"]';

const whole = (count) => count.toLocaleString("en-US");

function brief(count) {
  const steps = [[1e9, "G"], [1e6, "M"], [1e3, "k"]];
  const [unit, sign] = steps.find(([unit]) => count >= unit) ?? [1, ""];
  const scaled = count / unit;
  return (sign && scaled < 10 ? scaled.toFixed(1) : String(Math.round(scaled))) + sign;
}

// The end of a dotted name tells layers apart.
const LONGEST = 14;
const shorten = (name) => (name.length > LONGEST ? `…${name.slice(1 - LONGEST)}` : name);

// Side and channels of a map (C, H, W), of tokens (T, C) or of a vector (D,).
function extent({ shape }) {
  if (shape.length >= 3) return { channels: shape[0], side: Math.max(...shape.slice(1)) };
  if (shape.length === 2) return { channels: shape[1], side: Math.sqrt(shape[0]) };
  return { channels: shape[0] ?? 1, side: 1 };
}

function element(parent, className) {
  const made = document.createElement("div");
  made.className = className;
  return parent.appendChild(made);
}

function makeOption(list) {
  const option = element(list, "xw-layer");
  option.setAttribute("role", "option");
  element(element(option, "xw-layer-stage"), "xw-layer-block");
  for (const part of ["name", "kind", "shape", "parameters", "status"]) element(option, `xw-layer-${part}`);
  return option;
}

const write = (option, part, text) => { option.querySelector(`.xw-layer-${part}`).textContent = text; };

function fillOption(option, layer) {
  const shape = layer.shape.join("×");
  const { channels, side } = extent(layer);
  option.dataset.name = layer.name;
  option.dataset.status = layer.status || "";
  write(option, "name", shorten(layer.name));
  write(option, "kind", layer.kind);
  write(option, "shape", shape);
  write(option, "parameters", layer.parameters ? `${brief(layer.parameters)} parameters` : "no parameters");
  write(option, "status", layer.status ? `${GLYPHS[layer.status] ?? ""} ${layer.status}`.trim() : "");
  const about = [layer.name, layer.kind, shape, `${whole(layer.parameters)} parameters`, layer.status];
  option.title = about.filter(Boolean).join(", ");
  option.setAttribute("aria-label", option.title);
  const block = option.querySelector(".xw-layer-block");
  block.style.height = `${Math.min(72, 6 + 11 * Math.log2(side))}px`;
  block.style.width = `${Math.min(80, 8 + 6 * Math.log2(channels))}px`;
}

// Scrolls the strip only: scrollIntoView would move the notebook too.
function reveal(list, option) {
  const right = option.offsetLeft + option.offsetWidth;
  if (option.offsetLeft < list.scrollLeft) list.scrollLeft = option.offsetLeft - 24;
  else if (right > list.scrollLeft + list.clientWidth) list.scrollLeft = right - list.clientWidth + 24;
}

function render({ model, el }) {
  const list = element(el, "xw xw-strip");
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-orientation", "horizontal");
  list.setAttribute("aria-label", "Layers of the network, from the picture to the answer");
  // JupyterLab would take the arrow keys for moving between cells.
  list.dataset.lmSuppressShortcuts = "true";

  const options = () => [...list.querySelectorAll(OPTION)];

  function mark() {
    const all = options();
    const chosen = all.find((option) => option.dataset.name === model.get("value"));
    for (const option of all) {
      option.setAttribute("aria-selected", String(option === chosen));
      option.tabIndex = option === (chosen ?? all[0]) ? 0 : -1;
    }
    if (chosen) reveal(list, chosen);
  }

  function draw() {
    const layers = model.get("layers");
    while (list.children.length > layers.length) list.lastChild.remove();
    while (list.children.length < layers.length) makeOption(list);
    layers.forEach((layer, place) => fillOption(list.children[place], layer));
    mark();
  }

  function choose(option) {
    if (!option) return;
    option.focus({ preventScroll: true });
    if (option.dataset.name === model.get("value")) return;
    model.set("value", option.dataset.name);
    model.save_changes();
  }

  function point(name) {
    if (name === model.get("hovered")) return;
    model.set("hovered", name);
    model.save_changes();
  }

  list.addEventListener("pointerover", (event) => point(event.target.closest(OPTION)?.dataset.name ?? ""));
  list.addEventListener("pointerleave", () => point(""));
  list.addEventListener("click", (event) => choose(event.target.closest(OPTION)));
  list.addEventListener("keydown", (event) => {
    const all = options();
    const here = all.indexOf(event.target.closest(OPTION));
    const step = { ArrowLeft: here - 1, ArrowUp: here - 1, ArrowRight: here + 1, ArrowDown: here + 1 };
    const places = { ...step, Home: 0, End: all.length - 1, Enter: here, " ": here };
    if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose(all[Math.max(0, Math.min(all.length - 1, places[event.key]))]);
  });

  // Before it is laid out the strip has no width to scroll in.
  const watcher = new ResizeObserver(mark);
  watcher.observe(list);
  model.on("change:layers", draw);
  model.on("change:value", mark);
  draw();
  return () => {
    watcher.disconnect();
    model.off("change:layers", draw);
    model.off("change:value", mark);
  };
}

export default { render };
