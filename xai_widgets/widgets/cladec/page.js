// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const picker = makeModel({ layers: data.layers, value: data.value });
const tiles = makeModel({ columns: [], rows: [], selected: 0, tile: data.tile, pixelated: data.pixelated });
const withPicture = (tile) => ({ ...tile, src: data.pictures[tile.src] });

function show() {
  const page = data.pages[picker.get("value")];
  tiles.set("columns", page.columns);
  tiles.set("rows", page.rows.map((row) => ({ ...row, tiles: row.tiles.map(withPicture) })));
  for (const line of ["sentence", "numbers"]) document.getElementById(line).textContent = page[line];
}

strip.render({ model: picker, el: document.getElementById("strip") });
grid.render({ model: tiles, el: document.getElementById("grid") });
picker.on("change:value", show);
show();
