"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

  // Light and dark: the system's choice until someone chooses.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggleTheme = () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  };
  byId("theme").addEventListener("click", toggleTheme);

  // One comparison in full; the arrows go through all of them.
  const dialog = byId("enlarged");
  const links = [...document.querySelectorAll("a.zoom")];
  let current = 0;
  const show = (place) => {
    current = Math.min(Math.max(place, 0), links.length - 1);
    const image = dialog.querySelector("img");
    image.src = links[current].href;
    image.alt = links[current].querySelector("img").alt;
    byId("enlarged-words").textContent = `${image.alt} (${current + 1} of ${links.length}, ← → for the others)`;
    if (!dialog.open) dialog.showModal();
  };
  links.forEach((link, place) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens it elsewhere
    event.preventDefault();
    show(place);
  }));
  dialog.addEventListener("click", (event) => {
    if (event.target.matches("img")) dialog.classList.toggle("whole"); // as large as the window, or as the picture is
    else if (!event.target.matches(".note")) dialog.close();
  });

  // The tree.
  const unfold = byId("unfold");
  const branches = () => document.querySelectorAll(".tree details");
  unfold.addEventListener("click", () => {
    const open = unfold.getAttribute("aria-pressed") !== "true";
    unfold.setAttribute("aria-pressed", String(open));
    unfold.textContent = open ? "fold all" : "unfold all";
    for (const branch of branches()) branch.open = open;
  });
  document.addEventListener("click", (event) => {
    const lane = event.target.closest(".presence [data-object]");
    const found = lane && byId(`object-${lane.dataset.object}`);
    if (!found) return;
    for (let above = found.parentElement.closest("details"); above; above = above.parentElement.closest("details")) above.open = true;
    for (const other of document.querySelectorAll(".found")) other.classList.remove("found");
    found.classList.add("found");
    found.scrollIntoView({ block: "center" });
    found.focus({ preventScroll: true });
  });

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, k: -1, j: 1 };
    if (dialog.open && Object.hasOwn(steps, event.key)) {
      event.preventDefault();
      show(current + steps[event.key]);
    } else if (!dialog.open && event.key === "t") {
      toggleTheme();
    }
  });
})();
