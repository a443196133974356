// A few large pictures side by side; a slider goes through several versions of them, without asking the kernel.

const BLINK = 600; // milliseconds that each of two pictures is seen

function element(parent, className, tag = "div") {
  const made = document.createElement(tag);
  made.className = className;
  return parent.appendChild(made);
}

function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) make(parent);
}

function makeTile(parent) {
  const tile = element(parent, "xw-large-tile", "figure");
  element(tile, "xw-large-heading");
  const image = element(tile, "xw-frame").appendChild(document.createElement("img"));
  // The new picture replaces the old one within a frame, without a blank between.
  image.decoding = "sync";
  image.draggable = false;
  element(tile, "xw-large-caption", "figcaption");
}

function fillTile(tile, { heading, src, alt, caption, blink, dull }) {
  const [title, frame, words] = tile.children;
  const image = frame.firstChild;
  title.textContent = heading;
  words.textContent = caption ?? "";
  if (src && image.getAttribute("src") !== src) image.src = src;
  image.alt = alt ?? "";
  image.hidden = !src;
  frame.toggleAttribute("data-waiting", !src);
  tile.toggleAttribute("data-dull", Boolean(dull));
  Object.assign(tile.dataset, { src: src ?? "", blink: blink ?? "" });
  // What blinks can be pressed.
  if (blink) Object.assign(frame, { tabIndex: 0, title: "Point at it, or press Enter, to compare" });
  else frame.removeAttribute("tabindex");
  if (blink) frame.setAttribute("role", "button");
  else frame.removeAttribute("role");
  if (blink) frame.setAttribute("aria-label", `Compare: ${alt}`);
  else frame.removeAttribute("aria-label");
}

function render({ model, el }) {
  const view = element(el, "xw xw-stage");
  const tiles = element(view, "xw-stage-tiles");
  const row = element(view, "xw-stage-slide", "label");
  const about = element(row, "", "span");
  const slider = element(row, "", "input");
  const name = element(row, "xw-stage-name", "output");
  slider.type = "range";
  // JupyterLab would take the arrow keys for moving between cells.
  view.dataset.lmSuppressShortcuts = "true";
  let pointed = null; // the place under the slider's handle while it moves
  let timer = 0;
  const still = window.matchMedia?.("(prefers-reduced-motion: reduce)").matches;

  const placeOf = (wanted) => model.get("frames").findIndex((frame) => frame.name === wanted);

  function place() {
    const found = [pointed ?? -1, placeOf(model.get("hovered")), placeOf(model.get("value")), 0];
    return found.find((one) => one >= 0);
  }

  function draw() {
    const frames = model.get("frames");
    const chosen = frames[place()];
    stop();
    resize(tiles, chosen?.tiles.length ?? 0, makeTile);
    (chosen?.tiles ?? []).forEach((tile, at) => fillTile(tiles.children[at], tile));
    view.style.setProperty("--xw-columns", Math.max(tiles.children.length, 1));
    row.hidden = frames.length < 2;
    about.textContent = model.get("label");
    slider.max = Math.max(frames.length - 1, 0);
    slider.value = place() ?? 0;
    slider.setAttribute("aria-label", model.get("label"));
    slider.setAttribute("aria-valuetext", chosen?.name ?? "");
    name.textContent = chosen?.name ?? "";
  }

  function look() {
    view.style.setProperty("--xw-side", `${model.get("side")}px`);
    view.toggleAttribute("data-pixelated", model.get("pixelated"));
  }

  slider.addEventListener("input", () => {
    pointed = Number(slider.value);
    model.set("hovered", model.get("frames")[pointed]?.name ?? ""); // for a stage that is linked to this one
    draw();
  });
  slider.addEventListener("change", () => {
    const chosen = model.get("frames")[Number(slider.value)]?.name ?? "";
    pointed = null;
    model.set("hovered", "");
    if (chosen === model.get("value")) return;
    model.set("value", chosen);
    model.save_changes();
    draw();
  });
  slider.addEventListener("keydown", (event) => event.stopPropagation());

  // --- two pictures in turn ---

  function stop() {
    clearInterval(timer);
    timer = 0;
    for (const tile of tiles.children) {
      const image = tile.querySelector("img");
      if (tile.dataset.src && image.getAttribute("src") !== tile.dataset.src) image.src = tile.dataset.src;
    }
  }

  function turn(tile) {
    const image = tile.querySelector("img");
    image.src = image.getAttribute("src") === tile.dataset.src ? tile.dataset.blink : tile.dataset.src;
  }

  function start(event) {
    const tile = event.target.closest(".xw-large-tile");
    stop();
    if (!tile?.dataset.blink) return;
    turn(tile);
    if (!still) timer = setInterval(() => turn(tile), BLINK);
  }

  tiles.addEventListener("pointerover", (event) => { if (event.target.closest(".xw-frame")) start(event); });
  tiles.addEventListener("pointerout", stop);
  tiles.addEventListener("focusout", stop);
  tiles.addEventListener("keydown", (event) => {
    const tile = event.target.closest(".xw-large-tile");
    if (!tile?.dataset.blink || !["Enter", " "].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    turn(tile);
  });

  const follow = { frames: draw, value: draw, hovered: draw, label: draw, side: look, pixelated: look };
  for (const [trait, act] of Object.entries(follow)) model.on(`change:${trait}`, act);
  look();
  draw();
  return () => {
    clearInterval(timer);
    for (const [trait, act] of Object.entries(follow)) model.off(`change:${trait}`, act);
  };
}

export default { render };
