// Tells the kernel whether "Why?" is unfolded in the app that this is in.

// Two explorers side by side share one.
function appOf(element) {
  return element.closest(".xw-two") ?? element.closest(".xw-app");
}

function render({ model, el }) {
  let [root, frame] = [null, 0];

  function tell({ target }) {
    if (!target.matches("details.xw-why") || appOf(target) !== root) return;
    model.set("unfolded", target.open);
    model.save_changes();
  }

  function begin() {
    root = appOf(el);
    if (root) root.addEventListener("toggle", tell, true); // which does not bubble
    else frame = requestAnimationFrame(begin); // it is not in the page yet
  }

  begin();
  return () => {
    cancelAnimationFrame(frame);
    root?.removeEventListener("toggle", tell, true);
  };
}

export default { render };
