// Tabs by mouse and keyboard; what they open is below and belongs to somebody else.

const TAB = '[role="tab"]';

function makeTab(list) {
  const tab = document.createElement("button");
  tab.type = "button";
  tab.className = "xw-tab";
  tab.setAttribute("role", "tab");
  return list.appendChild(tab);
}

function render({ model, el }) {
  const list = document.createElement("div");
  list.className = "xw xw-tabs";
  list.setAttribute("role", "tablist");
  // JupyterLab would take the arrow keys for moving between cells.
  list.dataset.lmSuppressShortcuts = "true";
  el.append(list);

  const tabs = () => [...list.querySelectorAll(TAB)];

  function mark() {
    tabs().forEach((tab, place) => {
      const chosen = place === model.get("selected");
      tab.setAttribute("aria-selected", String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    });
  }

  function draw() {
    const labels = model.get("labels");
    while (list.children.length > labels.length) list.lastChild.remove();
    while (list.children.length < labels.length) makeTab(list);
    labels.forEach(([label, about], place) => {
      list.children[place].textContent = label;
      list.children[place].title = about;
    });
    list.setAttribute("aria-label", model.get("about"));
    mark();
  }

  function choose(place) {
    const tab = tabs()[place];
    if (!tab) return;
    tab.focus({ preventScroll: true });
    if (place === model.get("selected")) return;
    model.set("selected", place);
    model.save_changes();
    mark();
  }

  list.addEventListener("click", (event) => choose(tabs().indexOf(event.target.closest(TAB))));
  list.addEventListener("keydown", (event) => {
    const all = tabs();
    const here = all.indexOf(event.target.closest(TAB));
    const places = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: all.length - 1 };
    if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    choose((places[event.key] + all.length) % all.length);
  });

  model.on("change:labels", draw);
  model.on("change:selected", mark);
  draw();
  return () => {
    model.off("change:labels", draw);
    model.off("change:selected", mark);
  };
}

export default { render };
