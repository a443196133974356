// Original, counterfactual and change side by side, and what the classifier says of the counterfactual.
//
// While the point moves, the counterfactual is blended here from the four nearest pictures of an atlas; at rest it
// gives way to the exact one. What is shown together was decoded together: new pictures replace old ones at once.

const REST = 350; // milliseconds without a move after which the result is said aloud
const NEAR = 1e-4; // of the map's side: closer than a hand can point
const MOST_BARS = 7;
const SENT = [
  "sheet", "grid", "tile", "box", "table", "names", "colours", "source", "target", "original", "exact",
  "display", "pixelated", "scale", "ramp", "adding",
];

// --- numbers -------------------------------------------------------------------------------------------------------

// A position is a number, or an array of one number where a mark of the map is linked to it.
const single = (value) => Number(ArrayBuffer.isView(value) || Array.isArray(value) ? value[0] : value);
const within = (value, low, high) => Math.min(Math.max(value, low), high);

function percent(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  if (share < 1 && share >= 0.995) return ">99 %";
  return `${Math.round(100 * share)} %`;
}

// The node at or below a value among `count` nodes from `low` to `high`, and how far it is from there to the next.
function nodeBelow(value, low, high, count) {
  const place = within((value - low) / (high - low), 0, 1) * (count - 1);
  const node = Math.min(Math.floor(place), count - 2);
  return [node, place - node];
}

// The four tiles around a point and the weight of each: [row, column, weight].
function neighbours({ box, grid }, x, y) {
  const [column, right] = nodeBelow(x, box[0], box[1], grid);
  const [row, up] = nodeBelow(y, box[2], box[3], grid);
  return [
    [row, column, (1 - up) * (1 - right)],
    [row, column + 1, (1 - up) * right],
    [row + 1, column, up * (1 - right)],
    [row + 1, column + 1, up * right],
  ];
}

function blendTable({ table, grid, count }, near) {
  const chances = new Array(count).fill(0);
  for (const [row, column, weight] of near) {
    const start = (row * grid + column) * count;
    for (let k = 0; k < count; k += 1) chances[k] += weight * table[start + k];
  }
  return chances;
}

// --- pictures, as pixels -------------------------------------------------------------------------------------------

function pixelsOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

// An image and its pixels, or nothing where there is none, or none that can be read.
async function decode(src) {
  const image = new Image();
  image.src = src ?? "";
  try {
    await image.decode();
  } catch {
    return null;
  }
  return { image, pixels: pixelsOf(image) };
}

const sameSize = (one, other) => one?.width === other.width && one.height === other.height;

// One tile, blended from the four of the sheet; `near` as `neighbours` gives it.
function blendTiles({ sheet, tile: [height, width] }, near, blended) {
  const [a, b, c, d] = near.map(([row, column]) => 4 * (row * height * sheet.width + column * width));
  const [wa, wb, wc, wd] = near.map(([, , weight]) => weight);
  const { data } = sheet;
  for (let y = 0; y < height; y += 1) {
    const from = 4 * y * sheet.width;
    const to = 4 * y * width;
    for (let i = 0; i < 4 * width; i += 1) {
      const at = from + i;
      blended.data[to + i] = wa * data[a + at] + wb * data[b + at] + wc * data[c + at] + wd * data[d + at];
    }
  }
  return blended;
}

// Colours for the sum of three channels' differences, -765 to 765; `scale` is the brightness of the full colour.
function colourTable(ramp, scale) {
  const colours = new Uint8ClampedArray(4 * 1531);
  for (let sum = -765; sum <= 765; sum += 1) {
    const [node, share] = nodeBelow(sum / 765 / scale, -1, 1, ramp.length);
    const mix = [0, 1, 2].map((c) => (1 - share) * ramp[node][c] + share * ramp[node + 1][c]);
    colours.set([...mix, 255], 4 * (sum + 765));
  }
  return new Uint32Array(colours.buffer);
}

// Paints after minus before, both pictures of one size; returns the mean and the largest difference of brightness.
function paintChange(before, after, colours, painted) {
  const target = new Uint32Array(painted.data.buffer);
  let total = 0;
  let largest = 0;
  for (let i = 0, p = 0; i < target.length; i += 1, p += 4) {
    const sum = after.data[p] + after.data[p + 1] + after.data[p + 2]
      - before.data[p] - before.data[p + 1] - before.data[p + 2];
    target[i] = colours[sum + 765];
    total += Math.abs(sum);
    largest = Math.max(largest, Math.abs(sum));
  }
  return { mean: total / 765 / target.length, largest: largest / 765 };
}

// --- elements ------------------------------------------------------------------------------------------------------

function element(parent, className, tag = "div") {
  const made = document.createElement(tag);
  made.className = className;
  return parent.appendChild(made);
}

function makeTile(parent, heading, tag) {
  const tile = element(parent, "xw-atlas-tile");
  element(tile, "xw-atlas-heading").textContent = heading;
  const frame = element(tile, "xw-frame");
  const picture = frame.appendChild(document.createElement(tag));
  if (tag === "canvas") picture.setAttribute("role", "img");
  const caption = element(tile, "xw-atlas-caption");
  return { frame, picture, caption, left: element(caption, "", "span"), right: element(caption, "", "span") };
}

function makeBar(list) {
  const bar = element(list, "xw-bar");
  bar.setAttribute("role", "listitem");
  const name = element(bar, "xw-bar-name");
  element(name, "xw-bar-class", "span");
  element(name, "xw-bar-role", "span");
  element(element(bar, "xw-bar-track"), "xw-bar-fill");
  element(bar, "xw-bar-percent");
}

function show({ frame, picture }, pixels) {
  picture.hidden = !pixels;
  frame.toggleAttribute("data-waiting", !pixels);
  if (!pixels) return;
  if (picture.width !== pixels.width) picture.width = pixels.width;
  if (picture.height !== pixels.height) picture.height = pixels.height;
  picture.getContext("2d").putImageData(pixels, 0, 0);
}

// --- the view ------------------------------------------------------------------------------------------------------

function render({ model, el }) {
  const root = element(el, "xw xw-atlas");
  const tiles = element(root, "xw-atlas-tiles");
  const original = makeTile(tiles, "Original", "img");
  // The new picture replaces the old one within a frame, without a blank between.
  original.picture.decoding = "sync";
  original.picture.draggable = false;
  const counterfactual = makeTile(tiles, "Counterfactual", "canvas");
  counterfactual.right.className = "xw-atlas-state";
  const change = makeTile(tiles, "Change", "canvas");
  change.caption.classList.add("xw-atlas-scale");
  change.left.textContent = "darker";
  change.right.textContent = "brighter";
  const bars = element(root, "xw-bars");
  bars.setAttribute("role", "list");
  bars.setAttribute("aria-label", "Probabilities of the counterfactual");
  const said = element(root, "xw-unseen");
  said.setAttribute("aria-live", "polite");

  let decoded = new Map(); // images by source
  let shown = {}; // pictures and tables that were sent together and are decoded
  let latest = 0; // of what was sent
  let loaded = 0; // of what is shown
  const buffers = {}; // colours of the change, and pixels that are painted anew in every frame
  let barred = []; // the class of every bar; null for all others together
  let now = null; // what is on display
  let pending = 0;
  let rest = 0;

  // --- what was sent ---

  // Pictures of these sources; those that were decoded before are not decoded again.
  function fetchPictures(sources) {
    decoded = new Map(sources.map((src) => [src, decoded.get(src) ?? decode(src)]));
    return Promise.all(sources.map((src) => decoded.get(src)));
  }

  async function load() {
    latest += 1;
    const mine = latest;
    // Traits that were sent in one message arrive one by one.
    await null;
    if (mine !== latest) return;
    const sent = Object.fromEntries(SENT.map((name) => [name, model.get(name)]));
    const sources = [sent.sheet, sent.original.src, sent.original.small, sent.exact.src];
    const [sheet, before, small, exact] = await fetchPictures(sources);
    if (mine !== latest) return;
    loaded = mine;
    shown = {
      ...sent,
      before: before?.image,
      originals: [before?.pixels, small?.pixels],
      atlas: makeAtlas(sent, sheet?.pixels),
      exact: exact && { ...sent.exact, pixels: exact.pixels },
    };
    frameTiles();
    makeBars();
    ask();
  }

  function makeAtlas({ box, grid, tile, table, names }, sheet) {
    if (!sheet) return null;
    const chances = new Float32Array(table.buffer.slice(table.byteOffset, table.byteOffset + table.byteLength));
    return { box, grid, tile, table: chances, count: names.length, sheet };
  }

  function frameTiles() {
    const { before, display, pixelated, scale, ramp } = shown;
    const [height, width] = before ? [before.naturalHeight, before.naturalWidth] : shown.tile;
    root.style.setProperty("--xw-width", `${Math.round((display * width) / Math.max(height, width))}px`);
    root.style.setProperty("--xw-ratio", `${width} / ${height}`);
    root.toggleAttribute("data-pixelated", pixelated);
    if (before && original.picture.src !== before.src) original.picture.src = before.src;
    original.picture.hidden = !before;
    original.picture.alt = shown.original.alt ?? "";
    original.frame.toggleAttribute("data-waiting", !before);
    original.left.textContent = shown.names[shown.source] ?? "";
    const stops = ramp.map((colour) => `rgb(${colour.join(" ")})`);
    change.caption.style.setProperty("--xw-ramp", `linear-gradient(to right, ${stops.join(", ")})`);
    change.caption.title = `full colour: ${percent(scale)} of the range of brightness`;
    buffers.colours = colourTable(ramp, scale);
  }

  // --- bars ---

  // All classes if they are few; otherwise source, target and the likeliest anywhere on the map, then the rest.
  function chooseBars({ names, atlas, source, target, adding }) {
    const all = names.map((_, k) => k);
    if (all.length <= MOST_BARS) return all;
    const best = all.map((k) => {
      let most = k === source || k === target ? 2 : 0;
      for (let i = k; i < (atlas?.table.length ?? 0); i += names.length) most = Math.max(most, atlas.table[i]);
      return most;
    });
    const kept = all.sort((a, b) => best[b] - best[a] || a - b).slice(0, adding ? MOST_BARS - 1 : MOST_BARS);
    return [...kept.sort((a, b) => a - b), ...(adding ? [null] : [])];
  }

  function makeBars() {
    const { names, colours, source, target } = shown;
    barred = chooseBars(shown);
    while (bars.children.length > barred.length) bars.lastChild.remove();
    while (bars.children.length < barred.length) makeBar(bars);
    const roles = { [source]: "original", [target]: "target" };
    barred.forEach((k, place) => {
      const bar = bars.children[place];
      const name = bar.querySelector(".xw-bar-class");
      name.textContent = name.title = k === null ? "all others" : names[k];
      bar.querySelector(".xw-bar-role").textContent = roles[k] ?? "";
      bar.querySelector(".xw-bar-fill").style.background = colours[k] ?? "";
      bar.toggleAttribute("data-target", k === target);
    });
  }

  function fillBars(chances) {
    const left = chances && 1 - barred.reduce((sum, k) => sum + (chances[k] ?? 0), 0);
    barred.forEach((k, place) => {
      const share = chances ? within(k === null ? left : chances[k], 0, 1) : 0;
      const bar = bars.children[place];
      bar.querySelector(".xw-bar-fill").style.transform = `scaleX(${share})`;
      bar.lastChild.textContent = chances ? percent(share) : "";
    });
  }

  // --- one frame ---

  // What is known of a point: the exact picture, else a blend of the atlas, else nothing.
  function known(x, y) {
    const { exact, atlas, box } = shown;
    const [right, up] = [within(x, box[0], box[1]), within(y, box[2], box[3])];
    const isAt = (place) => Math.abs(place.x - right) <= NEAR * (box[1] - box[0])
      && Math.abs(place.y - up) <= NEAR * (box[3] - box[2]);
    if (exact && isAt(exact)) return { state: "exact", pixels: exact.pixels, chances: exact.probabilities };
    if (!atlas) return null;
    const near = neighbours(atlas, right, up);
    const [height, width] = atlas.tile;
    if (!sameSize(buffers.blended, { width, height })) buffers.blended = new ImageData(width, height);
    return { state: "preview", pixels: blendTiles(atlas, near, buffers.blended), chances: blendTable(atlas, near) };
  }

  function showChange() {
    const before = now && shown.originals.find((pixels) => sameSize(pixels, now.pixels));
    if (!before) return show(change, null);
    if (!sameSize(buffers.painted, before)) buffers.painted = new ImageData(before.width, before.height);
    now.change = paintChange(before, now.pixels, buffers.colours, buffers.painted);
    return show(change, buffers.painted);
  }

  function draw() {
    pending = 0;
    // A point that was sent together with pictures waits for them.
    if (loaded !== latest) return;
    now = known(single(model.get("x")), single(model.get("y")));
    show(counterfactual, now?.pixels);
    showChange();
    fillBars(now?.chances);
    // How likely it is, the bars say; here there is hardly room for the name.
    counterfactual.left.textContent = now ? shown.names[now.chances.indexOf(Math.max(...now.chances))] : "";
    counterfactual.right.textContent = now?.state ?? "";
    root.dataset.state = now?.state ?? "waiting";
    clearTimeout(rest);
    rest = setTimeout(speak, REST);
  }

  function ask() {
    if (shown.box && !pending) pending = requestAnimationFrame(draw);
  }

  // --- at rest, in words ---

  function likeliest(chances, count) {
    const order = chances.map((_, k) => k).sort((a, b) => chances[b] - chances[a]).slice(0, count);
    return order.map((k) => `${shown.names[k]} ${percent(chances[k])}`).join(", ");
  }

  function speak() {
    const classes = now ? likeliest(now.chances, 3) : "";
    const alt = now?.state === "exact" && shown.exact.alt;
    const about = now ? alt || `Counterfactual, ${now.state}: ${classes}` : "Counterfactual: not computed yet";
    const { mean, largest } = now?.change ?? {};
    const changed = mean === undefined ? "not computed yet" : `${percent(mean)} of the brightness on average, `
      + `${percent(largest)} where it is largest`;
    counterfactual.picture.setAttribute("aria-label", about);
    change.picture.setAttribute("aria-label", `Change: ${changed}`);
    said.textContent = now ? `${now.state === "exact" ? "Exact" : "Preview"}: ${classes}; change ${changed}` : "";
  }

  for (const name of SENT) model.on(`change:${name}`, load);
  for (const name of ["x", "y"]) model.on(`change:${name}`, ask);
  load();
  return () => {
    latest += 1;
    cancelAnimationFrame(pending);
    clearTimeout(rest);
    for (const name of SENT) model.off(`change:${name}`, load);
    for (const name of ["x", "y"]) model.off(`change:${name}`, ask);
  };
}

export default { render };
