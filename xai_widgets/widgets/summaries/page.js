// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const { tile, pixelated } = data.rows;
const rows = makeModel({ ...data.rows });
const members = makeModel({ cards: [], across: 0, headings: [], selected: 0, tile: 96, pixelated, label: "Members" });
const detail = makeModel({ columns: [], rows: [], selected: -1, tile: 128, pixelated });
const choice = document.getElementById("class");
const write = (name, text) => { document.getElementById(name).textContent = text; };
const page = () => data.classes[choice.selectedIndex];
let shown = [];  // Indices of the cards on display.
const summary = () => page().summaries[shown[rows.get("selected")]];

function showDetail() {
  const one = summary()?.details[members.get("selected")];
  write("detail-line", one?.line ?? "");
  detail.set("columns", one?.columns ?? []);
  detail.set("rows", one ? [{ label: "", tiles: one.tiles }] : []);
}

function showMembers() {
  const one = summary();
  write("members-line", one?.line ?? "");
  members.set("selected", 0);
  members.set("cards", one?.cards ?? []);
}

// A line is shown if it has a summary that is kept, or if all are wanted.
function showRows() {
  const { cards: all, summaries } = page();
  const { across } = data.rows;
  const isKept = (index) => summaries[index] && !all[index].dull;
  const lineOf = (index) => all.map((_, other) => other).slice(index - (index % across)).slice(0, across);
  const everything = document.getElementById("rejected").checked;
  shown = all.map((_, index) => index).filter((index) => everything || lineOf(index).some(isKept));
  rows.set("selected", shown.findIndex((index) => summaries[index]));
  rows.set("cards", shown.map((index) => all[index]));
}

function showClass() {
  write("sentence", page().sentence);
  verdictLine(document.getElementById("verdict"), page().verdict);
  showRows();
}

// The page around this one says of which class the picture is that is chosen there.
window.choosePicture = (_, name) => {
  const place = data.classes.findIndex((one) => one.name === name);
  if (place < 0 || place === choice.selectedIndex) return;
  choice.selectedIndex = place;
  showClass();
};

for (const { name } of data.classes) choice.add(new Option(name));
choice.selectedIndex = data.chosen;
cards.render({ model: rows, el: document.getElementById("rows") });
cards.render({ model: members, el: document.getElementById("members") });
grid.render({ model: detail, el: document.getElementById("detail") });
choice.addEventListener("change", showClass);
document.getElementById("rejected").addEventListener("change", showRows);
rows.on("change:selected", showMembers);
members.on("change:selected", showDetail);
showClass();
