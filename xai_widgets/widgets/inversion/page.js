// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const { shares } = data;
const { pixelated } = data.line;
const large = makeModel({ frames: [], value: "", hovered: "", label: "", side: 300, pixelated });
const rows = makeModel({ columns: data.columns, rows: [], selected: -1, tile: 112, pixelated });
const part = (name) => document.getElementById(name);
const write = (name, text) => { part(name).textContent = text; };
const last = data.frames - 1;
const pause = 200;
const TWO = 2;
let timer = null;

const step = () => Number(part("step").value);
const area = () => Number(part("area").value);
const chosen = pictureLine({ makeModel, cards, line: data.line, show: showPicture });
const scene = () => data.scenes[chosen()];

// Of two classes side by side, the original and what is kept; of one also what is removed.
function show() {
  const stop = scene().stops[area() < 100 ? last + shares.indexOf(area()) : step()];
  const both = part("class").selectedIndex >= stop.large.length;
  const tiles = both ? stop.large.flatMap((one) => one.slice(0, TWO)) : stop.large[part("class").selectedIndex];
  large.set("frames", [{ name: "", tiles }]);
  rows.set("rows", both ? stop.rows : [stop.rows[part("class").selectedIndex]]);
  verdictLine(part("verdict"), scene().verdicts[part("class").selectedIndex]);
  write("line", stop.line);
  write("percent", `${area()}%`);
}

function showPicture() {
  const { names, sentence, words } = scene();
  const both = names.length > 1 ? [`${names.join(" and ")}`] : [];
  part("class").replaceChildren(...[...names, ...both].map((name) => new Option(name)));
  write("sentence", sentence);
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
stage.render({ model: large, el: part("stage") });
grid.render({ model: rows, el: part("grid") });
part("class").addEventListener("change", show);
part("play").addEventListener("click", play);
part("step").addEventListener("input", () => { part("area").value = 100; show(); });
part("area").addEventListener("input", () => { stopPlaying(); part("step").value = last; show(); });
