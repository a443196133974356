// The page of its own: a place of evidence is chosen, and its least trusted pictures are shown. `data` holds all of it.

const places = makeModel({ ...data.places, selected: -1 });
const strip = makeModel({ ...data.strips.at(-1).cards });

function show() {
  const chosen = places.get("selected");
  const shown = chosen < 0 ? data.strips.at(-1) : data.strips[chosen];
  document.getElementById("line").textContent = shown.line;
  strip.set("cards", shown.cards.cards);
}

cards.render({ model: places, el: document.getElementById("places") });
cards.render({ model: strip, el: document.getElementById("strip") });
places.on("change:selected", show);
show();
