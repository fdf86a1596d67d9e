/* A slider with a name that screen readers read out, which obeys the arrow keys and acts on release.
   ipywidgets' own slider has no such name, and notebooks take its arrow keys for their cells. */

function render({ model, el }) {
  const { name, low, high, step } = model.get("how");
  const [label, range, shown] = ["label", "input", "output"].map((x) => document.createElement(x));
  range.id = label.htmlFor = `cg-${Math.random().toString(36).slice(2)}`;
  label.textContent = name;
  Object.assign(range, { type: "range", min: low, max: high, step });
  range.dataset.lmSuppressShortcuts = "true"; // Jupyter leaves the keys alone
  const show = () => (shown.value = range.value = model.get("value"));
  range.oninput = () => (shown.value = range.value);
  range.onchange = () => {
    model.set("value", Number(range.value));
    model.save_changes();
  };
  model.on("change:value", show);
  el.classList.add("cg-slider");
  el.append(label, range, shown);
  show();
}

export default { render };
