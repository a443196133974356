// Rows of picture tiles of one size under common headings; one row is selected.

const ROW = ".xw-row";

function element(parent, className, role) {
  const made = document.createElement("div");
  made.className = className;
  if (role) made.setAttribute("role", role);
  return parent.appendChild(made);
}

function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) make(parent);
}

function makeTile(row) {
  const tile = element(row, "xw-tile", "gridcell");
  const image = element(tile, "xw-frame").appendChild(document.createElement("img"));
  // The new picture replaces the old one within a frame, without a blank between.
  image.decoding = "sync";
  image.draggable = false;
  element(tile, "xw-caption");
}

function makeRow(grid) {
  const row = element(grid, "xw-row", "row");
  element(row, "xw-row-label", "rowheader");
}

function fillTile(tile, { src, alt, caption }) {
  const image = tile.querySelector("img");
  if (src && image.getAttribute("src") !== src) image.src = src;
  image.alt = alt ?? "";
  image.hidden = !src;
  tile.firstChild.toggleAttribute("data-waiting", !src);
  tile.lastChild.textContent = caption ?? "";
}

function fillRow(row, { label, tiles }) {
  row.firstChild.textContent = label ?? "";
  while (row.children.length > tiles.length + 1) row.lastChild.remove();
  while (row.children.length < tiles.length + 1) makeTile(row);
  tiles.forEach((tile, place) => fillTile(row.children[place + 1], tile));
}

function render({ model, el }) {
  const grid = element(el, "xw xw-grid", "grid");
  grid.setAttribute("aria-label", "Pictures");
  // JupyterLab would take the arrow keys for moving between cells.
  grid.dataset.lmSuppressShortcuts = "true";
  const head = element(grid, "xw-head", "row");
  const body = element(grid, "xw-body", "rowgroup");

  function drawHead() {
    const columns = model.get("columns");
    resize(head, columns.length + 1, (parent) => element(parent, "xw-column", "columnheader"));
    columns.forEach((name, place) => { head.children[place + 1].textContent = name; });
    grid.style.setProperty("--xw-columns", columns.length);
  }

  function drawRows() {
    const rows = model.get("rows");
    resize(body, rows.length, makeRow);
    rows.forEach((row, place) => fillRow(body.children[place], row));
    grid.toggleAttribute("data-labelled", rows.some((row) => row.label));
    mark();
  }

  function mark() {
    const selected = model.get("selected");
    [...body.children].forEach((row, place) => {
      row.setAttribute("aria-selected", String(place === selected));
      row.tabIndex = place === Math.max(0, Math.min(selected, body.children.length - 1)) ? 0 : -1;
    });
  }

  function size() {
    grid.style.setProperty("--xw-tile", `${model.get("tile")}px`);
    grid.toggleAttribute("data-pixelated", model.get("pixelated"));
  }

  function choose(place) {
    const row = body.children[Math.max(0, Math.min(body.children.length - 1, place))];
    if (!row) return;
    row.focus({ preventScroll: true });
    row.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    const chosen = [...body.children].indexOf(row);
    if (chosen === model.get("selected")) return;
    model.set("selected", chosen);
    model.save_changes();
  }

  const placeOf = (event) => [...body.children].indexOf(event.target.closest(ROW));
  body.addEventListener("click", (event) => { if (placeOf(event) >= 0) choose(placeOf(event)); });
  body.addEventListener("keydown", (event) => {
    const here = placeOf(event);
    const places = { ArrowUp: here - 1, ArrowDown: here + 1, Home: 0, End: body.children.length - 1 };
    if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose(places[event.key]);
  });

  const follow = { columns: drawHead, rows: drawRows, selected: mark, tile: size, pixelated: size };
  for (const [name, draw] of Object.entries(follow)) {
    model.on(`change:${name}`, draw);
    draw();
  }
  return () => {
    for (const [name, draw] of Object.entries(follow)) model.off(`change:${name}`, draw);
  };
}

export default { render };
