"use strict";
// Filters what the page already shows. Without this script everything stays visible.
(() => {
  const one = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = one("filter-text"), differ = one("filter-differ"), unfold = one("filter-unfold"), status = one("filter-status");
  const outcomes = all(".filter [name=outcome]");
  const requirements = all("[data-requirement]").map((element) => ({
    element,
    id: element.id,
    same: "same" in element.dataset,
    reasons: [...element.querySelectorAll("[data-outcome]")],
    words: element.textContent.toLowerCase(),
  }));
  const sandboxes = all("[data-sandbox]").map((element) => ({
    element,
    common: "common" in element.dataset,
    words: element.textContent.toLowerCase(),
  }));
  const columns = all("[data-column]");
  const rows = new Map(all("[data-row]").map((row) => [row.dataset.row, row]));

  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(outcomes.filter((box) => box.checked).map((box) => box.value));
    const onlyDiffering = differ !== null && differ.checked;
    const says = (it) => words.every((word) => it.words.includes(word));
    let shown = 0, shownSandboxes = 0;
    for (const requirement of requirements) {
      let some = false;
      for (const reason of requirement.reasons) {
        reason.hidden = !wanted.has(reason.dataset.outcome);
        some ||= !reason.hidden;
      }
      const visible = some && says(requirement) && !(onlyDiffering && requirement.same);
      requirement.element.hidden = !visible;
      const row = rows.get(requirement.id);
      row.hidden = !visible || (onlyDiffering && "same" in row.dataset);
      shown += visible;
    }
    for (const sandbox of sandboxes) {
      const visible = says(sandbox) && !(onlyDiffering && sandbox.common);
      sandbox.element.hidden = !visible;
      shownSandboxes += visible;
    }
    for (const column of columns) {
      const hidden = onlyDiffering && "common" in column.dataset;
      column.hidden = hidden;
      for (const row of rows.values()) row.cells[column.cellIndex].hidden = hidden;
    }
    for (const body of all(".matrix tbody")) body.hidden = ![...body.rows].some((row) => row.dataset.row && !row.hidden);
    status.textContent = `${shown} of ${requirements.length} requirements, ${shownSandboxes} of ${sandboxes.length} sandboxes shown`;
  };

  // A link into a fold opens the fold.
  const reveal = () => {
    const target = location.hash && one(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target && target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  };

  const [panel] = all(".filter"), [fold] = all(".filter details");
  fold.open = matchMedia("(min-width: 60rem)").matches;
  panel.hidden = false;
  text.addEventListener("input", filter);
  for (const box of [...outcomes, differ]) box?.addEventListener("change", filter);
  unfold.addEventListener("click", () => {
    const folds = all("details.evidence"), open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    unfold.textContent = open ? "Fold all evidence" : "Unfold all evidence";
  });
  addEventListener("hashchange", reveal);
  reveal();
})();
