// Says which program shows the widgets, and whether Python hears what is sent back.

// Every server of Jupyter's writes this into its page.
function settings() {
  try {
    return JSON.parse(document.getElementById("jupyter-config-data").textContent);
  } catch {
    return {};
  }
}

function frontEnd() {
  const { protocol, hostname } = window.location;
  const page = settings();
  if (protocol === "vscode-webview:") return "VS Code";
  if (hostname.endsWith(".googleusercontent.com") || window.google?.colab) return "Google Colab";
  if (document.body.dataset.voila) return "Voila";
  const name = window.jupyterapp?.name ?? page.appName;
  const version = window.jupyterapp?.version ?? page.appVersion ?? "";
  return name ? `${name} ${version}`.trim() : `an unknown program (${protocol}//${hostname})`;
}

function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "xw xw-sentence";
  line.setAttribute("role", "status");
  const host = frontEnd();
  const say = () => {
    const answered = model.get("heard") === host;
    const answer = model.get("heard") === host ? ", and Python hears what they send." : "; Python has not answered yet.";
    line.textContent = `Widgets arrive here, in ${host}${answer}`;
  };
  model.on("change:heard", say);
  el.append(line);
  say();
  model.set("host", host);
  model.save_changes();
  return () => model.off("change:heard", say);
}

export default { render };
