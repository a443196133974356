// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const part = (name) => document.getElementById(name);
const chips = makeModel({
  cards: [], across: -1, headings: [], selected: -1, tile: data.chip, pixelated: data.line.pixelated,
  label: "Lead the picture to",
});
const chosen = pictureLine({ makeModel, cards, line: data.line, show: showPicture });
const picture = () => data.each[chosen()];
let stops = []; // of the views that are shown
let wanted = null; // the class that was chosen at last: kept for the next picture

function drawMap({ map: chart, atlas: state }) {
  const point = makeModel({ ...chart });
  const table = Uint8Array.from(atob(state.table), (character) => character.charCodeAt(0));
  const followed = makeModel({ ...state, table: new DataView(table.buffer), x: chart.x, y: chart.y });
  for (const name of ["x", "y"]) point.on("change:" + name, () => followed.set(name, point.get(name)));
  for (const stop of stops) stop?.();
  for (const name of ["map", "view"]) part(name).replaceChildren();
  stops = [map.render({ model: point, el: part("map") }), atlas.render({ model: followed, el: part("view") })];
}

// The marks of which there are points, and what they stand for.
function drawLegend(marks) {
  part("legend").replaceChildren();
  for (const { name, colour, path } of marks.filter(({ points }) => points.length)) {
    const entry = part("legend").appendChild(document.createElement("span"));
    entry.className = "xw-legend-entry";
    entry.append(part("mark").content.cloneNode(true));
    entry.querySelector("path").setAttribute("d", path);
    entry.querySelector("path").setAttribute("fill", colour);
    entry.append(name);
  }
}

function drawFrames(list, pixelated) {
  part("frames").replaceChildren();
  for (const { src, caption, alt } of list) {
    const frame = part("frames").appendChild(document.createElement("figure"));
    Object.assign(frame.appendChild(document.createElement("img")), { src, alt });
    frame.appendChild(document.createElement("figcaption")).textContent = caption;
  }
  part("frames").toggleAttribute("data-pixelated", pixelated);
}

function showMap() {
  const shown = picture().maps[chips.get("selected")];
  wanted = picture().classes[chips.get("selected")];
  drawMap(shown);
  drawFrames(shown.frames, shown.atlas.pixelated);
  part("sentence").textContent = shown.sentence;
  verdictLine(part("verdict"), shown.verdict);
  drawLegend(shown.map.marks);
}

// The class stays, where this picture can be led to it, too.
function showPicture() {
  const { classes, chips: list, chosen: first } = picture();
  const same = classes.indexOf(wanted);
  chips.set("cards", list);
  chips.set("selected", same < 0 ? first : same);
}

chips.on("change:selected", showMap);
cards.render({ model: chips, el: part("chips") });
showPicture();
