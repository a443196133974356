// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const { pixelated, shares } = data;
const withPictures = (tiles) => tiles.map((one) => ({ ...one, src: data.pictures[one.src] }));
const drawn = (list) => list.map((one) => ({ ...one, tiles: withPictures(one.tiles) }));
const pictures = makeModel({
  cards: drawn(data.cards), across: 0, headings: [], selected: 0, tile: 72, pixelated, label: "Pictures",
});
const rows = makeModel({ columns: data.columns, rows: [], selected: -1, tile: 112, pixelated });
const part = (name) => document.getElementById(name);
const write = (name, text) => { part(name).textContent = text; };
const scene = () => data.scenes[pictures.get("selected")];
const last = data.frames - 1;
const pause = 200;
let timer = null;

const step = () => Number(part("step").value);
const area = () => Number(part("area").value);

function show() {
  const stop = scene().stops[area() < 100 ? last + shares.indexOf(area()) : step()];
  const chosen = part("class").selectedIndex - 1;
  rows.set("rows", drawn(chosen < 0 ? stop.rows : [stop.rows[chosen]]));
  write("line", stop.line);
  write("percent", `${area()}%`);
}

function showPicture() {
  const { names, sentence, words, numbers } = scene();
  part("class").replaceChildren(...["all side by side", ...names].map((name) => new Option(name)));
  write("sentence", sentence);
  write("numbers", numbers);
  part("words").replaceChildren(...words.map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  }));
  show();
}

function stopPlaying() {
  clearInterval(timer);
  timer = null;
  write("play", "Play");
  part("play").setAttribute("aria-pressed", "false");
}

function advance() {
  part("step").value = step() + 1;
  show();
  if (step() >= last) stopPlaying();
}

function play() {
  if (timer !== null) return stopPlaying();
  part("area").value = 100;
  if (step() >= last) part("step").value = 0;
  show();
  write("play", "Pause");
  part("play").setAttribute("aria-pressed", "true");
  timer = setInterval(advance, pause);
}

part("step").max = last;
part("step").value = last;
showPicture();
cards.render({ model: pictures, el: part("cards") });
grid.render({ model: rows, el: part("grid") });
pictures.on("change:selected", showPicture);
part("class").addEventListener("change", show);
part("play").addEventListener("click", play);
part("step").addEventListener("input", () => { part("area").value = 100; show(); });
part("area").addEventListener("input", () => { stopPlaying(); part("step").value = last; show(); });
