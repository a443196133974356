// The pictures of a page, of which one is chosen: here, or by the page around this one for all of its tabs.

function pictureLine({ makeModel, cards, line, show }) {
  const list = line.cards;
  const model = makeModel({
    cards: list, across: -1, headings: [], selected: line.chosen, tile: line.tile, pixelated: line.pixelated,
    label: "Pictures",
  });
  cards.render({ model, el: document.getElementById("pictures") });
  model.on("change:selected", show);
  if (line.indices.length) {
    window.choosePicture = (index) => {
      const place = line.indices.indexOf(index);
      if (place < 0 || place === model.get("selected")) return;
      model.set("selected", place);
    };
  }
  return () => model.get("selected");
}

export default pictureLine;
