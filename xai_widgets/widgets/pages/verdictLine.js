// The line that says whether to trust what is shown, as in the notebook: a sign, a word, a sentence, and "Why?".

function element(parent, tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return parent.appendChild(made);
}

function verdictLine(el, { level, sign, word, sentence, numbers }) {
  el.className = "xw xw-verdict";
  el.dataset.level = level;
  el.setAttribute("role", "status");
  el.replaceChildren();
  if (!level) {
    element(el, "div", "xw-numbers", numbers);
    return;
  }
  const label = element(el, "span", "xw-verdict-word", "");
  element(label, "span", "", sign).setAttribute("aria-hidden", "true");
  label.append(` ${word}`);
  element(el, "span", "xw-verdict-sentence", sentence);
  if (!numbers) return;
  const why = element(el, "details", "xw-why", "");
  element(why, "summary", "", "Why?");
  element(why, "div", "xw-numbers", numbers);
}

export default verdictLine;
