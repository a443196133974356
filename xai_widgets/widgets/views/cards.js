// Cards to choose one from: pictures with a few lines of words; in columns, or one after the other as they fit.

const CARD = ".xw-card[role=option]";
const BLINK = 600; // milliseconds that each of two pictures is seen

function element(parent, className) {
  const made = document.createElement("div");
  made.className = className;
  return parent.appendChild(made);
}

function resize(parent, count, make) {
  while (parent.children.length > count) parent.lastChild.remove();
  while (parent.children.length < count) make(parent);
}

function makeTile(tiles) {
  const tile = element(tiles, "xw-tile");
  const image = element(tile, "xw-frame").appendChild(document.createElement("img"));
  // The new picture replaces the old one within a frame, without a blank between.
  image.decoding = "sync";
  image.draggable = false;
  element(tile, "xw-caption");
}

function fillTile(tile, { src, alt, caption }) {
  const image = tile.querySelector("img");
  if (src && image.getAttribute("src") !== src) image.src = src;
  image.alt = alt ?? "";
  image.hidden = !src;
  tile.firstChild.toggleAttribute("data-waiting", !src);
  tile.lastChild.textContent = caption ?? "";
  tile.lastChild.hidden = !caption;
}

function makeCard(list) {
  const card = element(list, "xw-card");
  element(card, "xw-card-tiles");
  const words = element(card, "xw-card-words");
  for (const part of ["title", "mark", "gauge", "lines"]) element(words, `xw-card-${part}`);
  const gauge = words.children[2];
  gauge.setAttribute("aria-hidden", "true");  // The lines say the same in numbers.
  for (const part of ["fill", "range"]) element(gauge, `xw-card-${part}`);
}

function fillGauge(gauge, shares) {
  gauge.hidden = !shares?.length;
  if (gauge.hidden) return;
  const [low, value, high] = shares.map((share) => 100 * Math.max(0, Math.min(1, share)));
  gauge.firstChild.style.width = `${value}%`;
  Object.assign(gauge.lastChild.style, { left: `${low}%`, width: `${Math.max(high - low, 0.5)}%` });
}

function fillCard(card, { title, mark, lines, tiles, gauge, dull, colour, blink }) {
  // A place without pictures says why there is nothing to choose, or waits for them.
  card.setAttribute("role", tiles?.some(({ src }) => src) ? "option" : "presentation");
  card.toggleAttribute("data-empty", !tiles?.length);
  card.toggleAttribute("data-dull", Boolean(dull));
  card.title = [title, ...(lines ?? [])].filter(Boolean).join(" · ");
  Object.assign(card.dataset, { src: tiles?.[0]?.src ?? "", blink: blink ?? "" });
  resize(card.firstChild, tiles?.length ?? 0, makeTile);
  (tiles ?? []).forEach((tile, place) => fillTile(card.firstChild.children[place], tile));
  const [heading, badge, bar, text] = card.lastChild.children;
  heading.textContent = title ?? "";
  heading.toggleAttribute("data-colour", Boolean(colour));
  heading.style.setProperty("--xw-colour", colour ?? "");
  badge.textContent = mark ?? "";
  for (const part of [heading, badge]) part.hidden = !part.textContent;
  fillGauge(bar, gauge);
  resize(text, lines?.length ?? 0, (parent) => element(parent, "xw-card-line"));
  (lines ?? []).forEach((line, place) => { text.children[place].textContent = line; });
}

function render({ model, el }) {
  const view = element(el, "xw xw-cards");
  const head = element(view, "xw-cards-head");
  const list = element(view, "xw-cards-list");
  list.setAttribute("role", "listbox");
  // JupyterLab would take the arrow keys for moving between cells.
  list.dataset.lmSuppressShortcuts = "true";

  const cards = () => [...list.children];
  const options = () => [...list.querySelectorAll(CARD)];

  function drawHead() {
    const headings = model.get("headings");
    resize(head, headings.length, (parent) => element(parent, "xw-column"));
    headings.forEach((name, place) => { head.children[place].textContent = name; });
    head.hidden = headings.length === 0;
  }

  function drawCards() {
    const given = model.get("cards");
    stop();
    resize(list, given.length, makeCard);
    given.forEach((card, place) => fillCard(list.children[place], card));
    mark();
  }

  function mark() {
    const all = cards();
    const chosen = all[model.get("selected")];
    const reached = chosen?.matches(CARD) ? chosen : options()[0];
    for (const card of all) {
      if (card.matches(CARD)) card.setAttribute("aria-selected", String(card === chosen));
      else card.removeAttribute("aria-selected");
      card.tabIndex = card === reached ? 0 : -1;
      if (!card.matches(CARD)) card.removeAttribute("tabindex");
    }
    reveal(chosen);
  }

  function look() {
    view.style.setProperty("--xw-tile", `${model.get("tile")}px`);
    view.style.setProperty("--xw-across", Math.max(model.get("across"), 1));
    view.toggleAttribute("data-flowing", model.get("across") === 0);
    view.toggleAttribute("data-stacked", model.get("across") > 1);
    view.toggleAttribute("data-line", model.get("across") < 0);
    view.toggleAttribute("data-pixelated", model.get("pixelated"));
    list.setAttribute("aria-label", model.get("label"));
  }

  // Scrolls the line only: scrollIntoView would move the notebook too.
  function reveal(card) {
    if (model.get("across") >= 0 || !card) return;
    const right = card.offsetLeft + card.offsetWidth;
    if (card.offsetLeft < list.scrollLeft) list.scrollLeft = card.offsetLeft - 8;
    else if (right > list.scrollLeft + list.clientWidth) list.scrollLeft = right - list.clientWidth + 40;
  }

  function lookAhead() {
    if (model.get("across") >= 0 || !list.clientWidth) return;
    const edge = list.scrollLeft + list.clientWidth;
    const reached = cards().filter((card) => card.offsetLeft < edge).length;
    if (reached <= model.get("reached")) return;
    model.set("reached", reached);
    model.save_changes();
  }

  function choose(card) {
    card.focus({ preventScroll: true });
    if (model.get("across") < 0) reveal(card);
    else card.scrollIntoView?.({ block: "nearest", inline: "nearest" });
    const place = cards().indexOf(card);
    if (place === model.get("selected")) return;
    model.set("selected", place);
    model.save_changes();
    mark();
  }

  // The nearest card above or below: by where it is drawn, since that depends on the width.
  function upOrDown(here, direction) {
    const ahead = options().filter((card) => direction * (card.offsetTop - here.offsetTop) > 0);
    const far = (card) => Math.abs(card.offsetTop - here.offsetTop);
    const aside = (card) => Math.abs(card.offsetLeft - here.offsetLeft);
    const inColumn = ahead.filter((card) => aside(card) < 2);
    return (inColumn.length ? inColumn : ahead).sort((a, b) => far(a) - far(b) || aside(a) - aside(b))[0];
  }

  function leftOrRight(here, direction) {
    const next = options()[options().indexOf(here) + direction];
    return model.get("across") === 0 || next?.offsetTop === here.offsetTop ? next : undefined;
  }

  list.addEventListener("click", (event) => {
    const card = event.target.closest(CARD);
    if (card) choose(card);
  });
  list.addEventListener("keydown", (event) => {
    const here = event.target.closest(CARD);
    const steps = {
      ArrowUp: () => upOrDown(here, -1), ArrowDown: () => upOrDown(here, 1),
      ArrowLeft: () => leftOrRight(here, -1), ArrowRight: () => leftOrRight(here, 1),
      Home: () => options()[0], End: () => options().at(-1), Enter: () => here, " ": () => here,
    };
    if (!here || !(event.key in steps) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const card = steps[event.key]();
    if (card) choose(card);
  });

  // --- two pictures in turn ---

  let timer = 0;
  let blinking = null;

  function turn() {
    const image = blinking.querySelector("img");
    image.src = image.getAttribute("src") === blinking.dataset.src ? blinking.dataset.blink : blinking.dataset.src;
  }

  function stop() {
    clearInterval(timer);
    if (blinking) blinking.querySelector("img").src = blinking.dataset.src;
    blinking = null;
  }

  function start(event) {
    const card = event.target.closest(CARD);
    if (card === blinking) return;
    stop();
    if (!card?.dataset.blink) return;
    blinking = card;
    turn();
    if (!window.matchMedia?.("(prefers-reduced-motion: reduce)").matches) timer = setInterval(turn, BLINK);
  }

  list.addEventListener("pointerover", start);
  list.addEventListener("pointerleave", stop);
  list.addEventListener("scroll", lookAhead, { passive: true });
  const watcher = new ResizeObserver(() => { lookAhead(); reveal(cards()[model.get("selected")]); });
  watcher.observe(list);

  const follow = {
    headings: drawHead, cards: drawCards, selected: mark,
    across: look, tile: look, pixelated: look, label: look,
  };
  for (const [name, draw] of Object.entries(follow)) model.on(`change:${name}`, draw);
  for (const draw of [drawHead, look, drawCards]) draw();
  return () => {
    clearInterval(timer);
    watcher.disconnect();
    for (const [name, draw] of Object.entries(follow)) model.off(`change:${name}`, draw);
  };
}

export default { render };
