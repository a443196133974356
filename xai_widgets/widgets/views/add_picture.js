// A place for a file: a click opens the dialog, and a file can be dropped on it. Larger files are named, not sent.

function render({ model, el }) {
  const button = el.appendChild(document.createElement("button"));
  button.className = "xw xw-add";
  button.type = "button";
  button.textContent = "+";
  const input = el.appendChild(document.createElement("input"));
  Object.assign(input, { type: "file", accept: "image/*", hidden: true });

  function look() {
    button.title = model.get("label");
    button.setAttribute("aria-label", model.get("label"));
  }

  async function send(file) {
    if (!file) return;
    const content = file.size <= model.get("most") ? [await file.arrayBuffer()] : [];
    model.send({ name: file.name, size: file.size }, undefined, content);
  }

  const over = (event, yes) => {
    event.preventDefault();
    event.stopPropagation();
    button.toggleAttribute("data-over", yes);
  };
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    send(input.files[0]);
    input.value = "";  // the same file may come again
  });
  button.addEventListener("dragenter", (event) => over(event, true));
  button.addEventListener("dragover", (event) => over(event, true));
  button.addEventListener("dragleave", (event) => over(event, false));
  button.addEventListener("drop", (event) => {
    over(event, false);
    send(event.dataTransfer.files[0]);
  });

  model.on("change:label", look);
  look();
  return () => model.off("change:label", look);
}

export default { render };
