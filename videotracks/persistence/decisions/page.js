"use strict";
(() => {
  const root = document.documentElement;

  // Light and dark: the system's choice until someone chooses.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggleTheme = () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  };
  document.getElementById("theme").addEventListener("click", toggleTheme);

  // Sorting: the order of the page is the surest first; confidence and time rise, length falls.
  const orders = { confidence: 1, first: 1, length: -1 };
  for (const group of document.querySelectorAll(".sort")) {
    const list = document.getElementById(group.dataset.list);
    const shown = [...list.children];
    for (const button of group.querySelectorAll("[data-sort]")) {
      button.addEventListener("click", () => {
        const key = button.dataset.sort;
        list.append(...[...shown].sort((a, b) => (key in orders ? orders[key] * (a.dataset[key] - b.dataset[key]) : 0)));
        for (const other of group.querySelectorAll("[data-sort]")) other.setAttribute("aria-pressed", String(other === button));
      });
    }
  }

  // The tracklets one after the other.
  const move = (by) => {
    const all = [...document.querySelectorAll(".track")];
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
  };
  const actions = { j: () => move(1), k: () => move(-1), t: toggleTheme };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
})();
