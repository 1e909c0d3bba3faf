"use strict";
(() => {
  const root = document.documentElement;
  const list = document.getElementById("cards");
  const cards = () => [...list.children];
  const payload = JSON.parse(document.getElementById("payload").textContent);

  // Light and dark: the system's choice until someone chooses.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const toggleTheme = () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  };
  document.getElementById("theme").addEventListener("click", toggleTheme);

  // Sorting: rank and first seen rise, score and time seen fall.
  const falling = new Set(["score", "seen"]);
  const sortBy = (key) => {
    const sign = falling.has(key) ? -1 : 1;
    const order = cards().sort((a, b) => sign * (a.dataset[key] - b.dataset[key]) || a.dataset.rank - b.dataset.rank);
    list.append(...order);
    for (const button of document.querySelectorAll("[data-sort]")) {
      button.setAttribute("aria-pressed", String(button.dataset.sort === key));
    }
    order.forEach((card, i) => { card.tabIndex = i === 0 ? 0 : -1; });
  };
  for (const button of document.querySelectorAll("[data-sort]")) {
    button.addEventListener("click", () => sortBy(button.dataset.sort));
  }

  // An animation is paused by a still of its present picture in its place.
  const pause = document.getElementById("pause");
  const setPaused = (paused) => {
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "play animations" : "pause animations";
    for (const image of document.querySelectorAll("img.animation")) {
      const still = image.nextElementSibling;
      if (still && still.tagName === "CANVAS") still.remove();
      image.hidden = paused;
      if (paused) {
        const canvas = document.createElement("canvas");
        canvas.width = image.naturalWidth || 128;
        canvas.height = image.naturalHeight || 192;
        if (image.complete && image.naturalWidth) canvas.getContext("2d").drawImage(image, 0, 0);
        image.after(canvas);
      }
    }
  };
  const isPaused = () => pause.getAttribute("aria-pressed") === "true";
  pause.addEventListener("click", () => setPaused(!isPaused()));
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
    addEventListener("load", () => setPaused(true));
  }

  // One person in full.
  const detail = document.getElementById("detail");
  const body = document.getElementById("detail-body");
  const open = (card) => {
    const copy = card.cloneNode(true);
    copy.removeAttribute("tabindex");
    const element = document.createElement("div");
    element.className = card.className;
    element.append(...copy.childNodes);
    body.replaceChildren(element);
    detail.showModal();
  };
  const help = document.getElementById("help");
  document.getElementById("help-button").addEventListener("click", () => help.showModal());
  for (const dialog of [detail, help]) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }
  list.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    if (card) { focus(card); open(card); }
  });

  // Keyboard: one card is in the tab order, the others are reached by moving.
  const focus = (card) => {
    for (const other of cards()) other.tabIndex = other === card ? 0 : -1;
    card.focus();
    card.scrollIntoView({ block: "nearest" });
  };
  const move = (by) => {
    const all = cards();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement);
    focus(all[at < 0 ? 0 : Math.min(Math.max(at + by, 0), all.length - 1)]);
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || detail.open || help.open) return;
    const actions = {
      j: () => move(1), ArrowRight: () => move(1), ArrowDown: () => move(1),
      k: () => move(-1), ArrowLeft: () => move(-1), ArrowUp: () => move(-1),
      p: () => setPaused(!isPaused()), t: toggleTheme, "?": () => help.showModal(),
      Enter: () => { if (document.activeElement.classList.contains("card")) open(document.activeElement); },
    };
    const onCard = document.activeElement.classList.contains("card") || document.activeElement === document.body;
    if (!(event.key in actions) || (event.key.startsWith("Arrow") && !onCard)) return;
    if (event.key === "Enter" && !onCard) return;
    event.preventDefault();
    actions[event.key]();
  });

  // The heatmap. Colours of viridis (Smith and van der Walt, 2015): dark is low, bright is high.
  const stops = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];
  const colorOf = (value) => {
    const place = Math.min(Math.max(value, 0), 1) * (stops.length - 1);
    const at = Math.min(Math.floor(place), stops.length - 2);
    return stops[at].map((v, i) => Math.round(v + (place - at) * (stops[at + 1][i] - v)));
  };
  const heatmap = document.getElementById("heatmap");
  if (!heatmap) return;
  const count = payload.ids.length;
  const cell = Math.max(2, Math.min(44, Math.floor(520 / count)));
  heatmap.width = heatmap.height = count * cell;
  const paint = heatmap.getContext("2d");
  payload.similarity.forEach((row, y) => row.forEach((value, x) => {
    paint.fillStyle = `rgb(${colorOf(value)})`;
    paint.fillRect(x * cell, y * cell, cell, cell);
  }));
  if (cell >= 30) {
    paint.font = "11px system-ui, sans-serif";
    paint.textAlign = "center";
    paint.textBaseline = "middle";
    payload.similarity.forEach((row, y) => row.forEach((value, x) => {
      paint.fillStyle = value > 0.6 ? "#000" : "#fff";
      paint.fillText(value.toFixed(2), (x + 0.5) * cell, (y + 0.5) * cell);
    }));
  }
  const legend = document.getElementById("legend");
  const ramp = legend.getContext("2d");
  for (let y = 0; y < legend.height; y++) {
    ramp.fillStyle = `rgb(${colorOf(1 - y / (legend.height - 1))})`;
    ramp.fillRect(0, y, legend.width, 1);
  }
  const reading = document.getElementById("reading");
  heatmap.addEventListener("pointermove", (event) => {
    const box = heatmap.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / box.width * count);
    const y = Math.floor((event.clientY - box.top) / box.height * count);
    if (x < 0 || y < 0 || x >= count || y >= count) return;
    const value = payload.similarity[y][x];
    const verdict = x === y ? "itself" : value >= payload.threshold ? "above the threshold" : "below the threshold";
    reading.textContent = `persons ${payload.ids[y]} and ${payload.ids[x]}: ${value.toFixed(3)}, ${verdict}`;
  });
})();
