// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const names = data.layers.map(({ name }) => name);
const { pixelated } = data.line;
const picker = makeModel({ layers: data.layers, value: data.value });
const large = makeModel({ frames: [], value: data.value, hovered: "", label: "Layer", side: 300, pixelated });
const rows = makeModel({ columns: [], rows: [], selected: 0, tile: data.tile, pixelated });
const chosen = pictureLine({ makeModel, cards, line: data.line, show: showPicture });

function showPicture() {
  large.set("frames", names.map((name) => data.pages[name].frames[chosen()]));
  rows.set("selected", chosen());
  showVerdict();
}

function showVerdict() {
  const { verdict, hidden } = data.pages[picker.get("value")];
  const numbers = `${verdict.numbers} ${hidden[chosen()]}`;
  verdictLine(document.getElementById("verdict"), { ...verdict, numbers });
}

function showLayer() {
  const page = data.pages[picker.get("value")];
  large.set("value", picker.get("value"));
  rows.set("columns", page.columns);
  rows.set("rows", page.rows);
  document.getElementById("sentence").textContent = page.sentence;
  showVerdict();
}

strip.render({ model: picker, el: document.getElementById("strip") });
stage.render({ model: large, el: document.getElementById("stage") });
grid.render({ model: rows, el: document.getElementById("grid") });
picker.on("change:value", showLayer);
large.on("change:value", () => { if (large.get("value") !== picker.get("value")) picker.set("value", large.get("value")); });
showPicture();
showLayer();
