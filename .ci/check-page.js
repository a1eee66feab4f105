// Runs in a copy of the HTML report, after axe-core: writes into the document everything that is wrong with the page.
addEventListener("load", async () => {
  const wrong = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) wrong.push(`the page is wider than the window: ${root.scrollWidth} pixels`);

  // A link opens the fold that it leads into.
  for (const fold of all("details.line")) fold.open = false;
  const last = all("[data-requirement]").at(-1);
  location.hash = last.id;
  await new Promise((done) => setTimeout(done, 100));
  if (last instanceof HTMLDetailsElement && !last.open) wrong.push("a link leaves the fold closed that it leads into");

  // The filter hides and shows.
  const [text] = all("#filter-text"), visible = () => all("[data-requirement]:not([hidden])").length;
  const type = (words) => { text.value = words; text.dispatchEvent(new Event("input")); return visible(); };
  const [full, none, one] = [type(""), type("no requirement has these words"), type(last.id)];
  if (full !== all("[data-requirement]").length || none !== 0 || one < 1) wrong.push(`the filter shows ${full}, ${none}, ${one}`);
  type("");

  for (const fold of all("details")) fold.open = true;
  const { violations, passes } = await axe.run(document, { resultTypes: ["violations"] });
  if (passes.length < 20) wrong.push(`axe-core judged by ${passes.length} rules only`);
  for (const { id, help, nodes } of violations)
    for (const { html, failureSummary } of nodes) wrong.push(`${id}: ${help}: ${html.slice(0, 200)} ${failureSummary}`);
  const told = document.createElement("pre");
  told.id = "checked";
  told.textContent = ["checked", ...wrong.map((one) => one.replaceAll("\n", " "))].join("\n");
  document.body.append(told);
});
