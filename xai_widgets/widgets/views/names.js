// Gives the sliders and play buttons of ipywidgets the names that people see beside them: screen readers hear none.

const PLAY = { "fa-play": "Play", "fa-pause": "Pause", "fa-stop": "Stop", "fa-retweet": "Repeat" };

function nameAll(root) {
  for (const handle of root.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = handle.closest(".jupyter-widgets")?.querySelector(".widget-label")?.textContent;
    if (label) handle.setAttribute("aria-label", label);
  }
  for (const icon of root.querySelectorAll(".widget-play button:not([aria-label]) i")) {
    const kind = Object.keys(PLAY).find((name) => icon.classList.contains(name));
    if (kind) icon.parentElement.setAttribute("aria-label", PLAY[kind]);
  }
}

function render({ el }) {
  let [observer, frame] = [null, 0];

  function begin() {
    const root = el.closest(".xw-app");
    if (!root) {
      frame = requestAnimationFrame(begin); // it is not in the page yet
      return;
    }
    observer = new MutationObserver(() => nameAll(root));
    observer.observe(root, { childList: true, subtree: true });
    nameAll(root);
  }

  begin();
  return () => {
    cancelAnimationFrame(frame);
    observer?.disconnect();
  };
}

export default { render };
