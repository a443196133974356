// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const point = makeModel(data.map);
const table = Uint8Array.from(atob(data.atlas.table), (character) => character.charCodeAt(0));
const picture = makeModel({ ...data.atlas, table: new DataView(table.buffer), x: data.map.x, y: data.map.y });
for (const name of ["x", "y"]) point.on("change:" + name, () => picture.set(name, point.get(name)));
map.render({ model: point, el: document.getElementById("map") });
atlas.render({ model: picture, el: document.getElementById("view") });

for (const { src, caption, alt } of data.frames) {
  const frame = document.getElementById("frames").appendChild(document.createElement("figure"));
  Object.assign(frame.appendChild(document.createElement("img")), { src, alt });
  frame.appendChild(document.createElement("figcaption")).textContent = caption;
}
document.getElementById("frames").toggleAttribute("data-pixelated", data.atlas.pixelated);
