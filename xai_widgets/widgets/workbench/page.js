// The page of its own: what is chosen in it, and what is then shown. `data` holds all of it.

const { tabs } = data;
const list = document.getElementById("tabs");
const panels = document.getElementById("panels");

function element(parent, tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return parent.appendChild(made);
}

// The picture that is chosen for all views; a view of pictures of its own keeps its own.
const frames = () => [...panels.querySelectorAll("iframe")].map((frame) => frame.contentWindow);
const chosen = data.line && pictureLine({ makeModel, cards, line: data.line, show: () => frames().forEach(lead) });

function lead(view) {
  if (view.document.getElementById("pictures") && !view.choosePicture) return;
  view.document.documentElement.dataset.led = tabs.every(({ parts }) => parts.length < 2) ? "alone" : "beside";
  view.choosePicture?.(data.line.indices[chosen()], data.line.cards[chosen()].lines[0]);
}

// A frame is as high as what it shows; out of sight, that has no height.
function fit(frame) {
  const { body } = frame.contentDocument;
  const measure = () => { if (body.offsetHeight) frame.style.height = `${Math.ceil(body.offsetHeight) + 1}px`; };
  new ResizeObserver(measure).observe(body);
}

function addFrame(parent, { title, place }) {
  const frame = document.createElement("iframe");
  frame.title = title;
  frame.srcdoc = JSON.parse(document.getElementById(`page-${place}`).textContent);
  frame.addEventListener("load", () => {
    if (data.line) lead(frame.contentWindow);
    fit(frame);
  });
  parent.append(frame);
}

function addNothing(parent, { title, nothing }) {
  const said = element(parent, "div", "xw");
  said.dataset.nothing = "";
  element(said, "strong", "", title);
  element(said, "div", "", nothing);
}

// Built when it is first looked at: all at once would take long, and out of sight nothing can be measured.
function build(panel, { parts }) {
  const row = element(panel, "div", "xw-parts");
  for (const part of parts) (part.nothing ? addNothing : addFrame)(row, part);
  element(panel, "div", "xw-sentence", panel.dataset.reading);
}

function open(chosen) {
  for (const [place, tab] of [...list.children].entries()) {
    const isChosen = place === chosen;
    const panel = panels.children[place];
    tab.setAttribute("aria-selected", String(isChosen));
    tab.tabIndex = isChosen ? 0 : -1;
    panel.hidden = !isChosen;
    if (isChosen && !panel.querySelector(".xw-parts")) build(panel, tabs[place]);
  }
}

for (const [place, { name, label, question, reading }] of tabs.entries()) {
  const tab = element(list, "button", "xw-tab", label);
  const panel = element(panels, "section", "xw xw-panel");
  Object.assign(tab, { id: `tab-${name}`, type: "button", role: "tab", onclick: () => open(place) });
  Object.assign(panel, { id: `panel-${name}`, role: "tabpanel", tabIndex: 0 });
  tab.setAttribute("aria-controls", panel.id);
  panel.setAttribute("aria-labelledby", tab.id);
  element(panel, "h2", "xw-asked", question);
  panel.dataset.reading = reading;
}

list.addEventListener("keydown", (event) => {
  const here = [...list.children].indexOf(event.target);
  const last = tabs.length - 1;
  const places = { ArrowLeft: here ? here - 1 : last, ArrowRight: here < last ? here + 1 : 0, Home: 0, End: last };
  if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  open(places[event.key]);
  list.children[places[event.key]].focus();
});

open(Math.max(0, tabs.findIndex(({ parts }) => parts.some(({ nothing }) => !nothing))));
