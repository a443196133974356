// Says that the kernel has stopped, and cuts what is inside off from it.
//
// A widget outlives its kernel and goes on sending: the host writes an error for every message, and a mark of bqplot
// breaks off a drag, because it sends before it moves.

// `layout` is a model of the host's own; the `model` that a view is given may be only a part of one.
function hasStopped({ comm_live: live, widget_manager: { kernel } }) {
  // JupyterLab drops the kernel when it is shut down or dead, but calls its widgets live.
  return !live || kernel === null || kernel?.isDisposed === true;
}

function cutOff(value, done = new Set()) {
  if (value === null || typeof value !== "object" || done.has(value)) return;
  done.add(value);
  const isModel = "comm_live" in value && "attributes" in value;
  if (isModel) {
    delete value.comm; // as the host does with a model that it closes; without one nothing is sent
    if (value.comm_live) value.comm_live = false;
  }
  const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  if (isModel || isPlain) Object.values(isModel ? value.attributes : value).forEach((inner) => cutOff(inner, done));
}

function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "xw xw-stopped";
  line.setAttribute("role", "status");
  el.append(line);
  const layout = model.get("layout");

  async function look() {
    const stopped = hasStopped(layout);
    line.textContent = stopped ? model.get("text") : "";
    layout.set("display", stopped ? null : "none"); // an empty line would take the room of a gap
    if (stopped) cutOff(await layout.widget_manager.get_model(model.get("root")));
  }

  // A page without a host has no such models, and no kernel that could stop.
  if (!layout?.widget_manager) return undefined;
  const disposed = layout.widget_manager.kernel?.disposed;
  layout.on("comm_live_update", look);
  disposed?.connect(look);
  look();
  return () => {
    layout.off("comm_live_update", look);
    disposed?.disconnect(look);
  };
}

export default { render };
