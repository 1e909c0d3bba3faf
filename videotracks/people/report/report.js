"use strict";
(() => {
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);
  const list = byId("cards");
  const cards = () => (list ? [...list.children] : []);
  const payload = JSON.parse(byId("payload").textContent);
  const showFaces = (within) => {
    for (const image of within.querySelectorAll("img[data-face]")) image.src = payload.faces[image.dataset.face];
  };
  showFaces(document);

  // Light and dark: the system's choice until someone chooses.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let redraw = () => {};
  const toggleTheme = () => {
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    redraw();
  };
  byId("theme").addEventListener("click", toggleTheme);
  dark.addEventListener("change", () => redraw());

  // Sorting: the time seen falls, all else rises.
  const sortBy = (key) => {
    const sign = key === "seen" ? -1 : 1;
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

  // An animation cannot be stopped: when paused, a still picture of it stands in its place.
  const pause = byId("pause");
  const isPaused = () => pause !== null && pause.getAttribute("aria-pressed") === "true";
  const still = (image) => {
    const canvas = document.createElement("canvas");
    canvas.className = "still";
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    canvas.getContext("2d").drawImage(image, 0, 0);
    if (image.hidden && !image.nextElementSibling) image.after(canvas);
  };
  const hold = (within, paused) => {
    for (const image of within.querySelectorAll("img.animation")) {
      if (image.nextElementSibling) image.nextElementSibling.remove();
      image.hidden = paused;
      if (paused) image.decode().then(() => still(image), () => { image.hidden = false; });
    }
  };
  const setPaused = (paused) => {
    if (!pause) return;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "play animations" : "pause animations";
    hold(document, paused);
  };
  if (pause) pause.addEventListener("click", () => setPaused(!isPaused()));
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) setPaused(true);

  // One person in full.
  const detail = byId("detail");
  const help = byId("help");
  const open = (card) => {
    const copy = document.createElement("div");
    copy.className = card.className;
    copy.append(...card.cloneNode(true).childNodes);
    hold(copy, isPaused());
    detail.setAttribute("aria-label", card.getAttribute("aria-label"));
    byId("detail-body").replaceChildren(copy);
    detail.showModal();
    detail.scrollTop = 0;
  };
  byId("help-button").addEventListener("click", () => help.showModal());
  for (const dialog of [detail, help]) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  }

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
  document.addEventListener("click", (event) => {
    const bar = event.target.closest(".presence [data-person]");
    const card = bar ? cards().find((one) => one.dataset.person === bar.dataset.person) : event.target.closest("#cards > .card");
    // Who selects text to copy it does not mean to open the person.
    if (card && getSelection().isCollapsed) { focus(card); open(card); }
  });
  const actions = {
    j: () => move(1), ArrowRight: () => move(1), ArrowDown: () => move(1),
    k: () => move(-1), ArrowLeft: () => move(-1), ArrowUp: () => move(-1),
    p: () => setPaused(!isPaused()), t: toggleTheme, "?": () => help.showModal(),
    Enter: () => open(document.activeElement),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || detail.open || help.open) return;
    const onCard = document.activeElement.classList.contains("card");
    // Arrows scroll the page and Enter presses buttons, except on a card.
    if (!Object.hasOwn(actions, event.key) || (event.key.length > 1 && !onCard)) return;
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
  const heatmap = byId("heatmap");
  if (!heatmap) return;
  const { ids, similarity, threshold, faces } = payload;
  const count = ids.length;
  const cell = Math.max(3, Math.min(44, Math.floor(560 / count)));
  const labelled = cell >= 14;
  const margin = labelled ? 30 : 0;
  const size = margin + count * cell;
  const ratio = Math.max(1, Math.min(3, devicePixelRatio));
  heatmap.width = heatmap.height = size * ratio;
  heatmap.style.width = `${size}px`;
  const paint = heatmap.getContext("2d");
  paint.scale(ratio, ratio);
  let cursor = null;

  const place = (i) => margin + i * cell;
  const drawCells = () => {
    paint.textAlign = "center";
    paint.font = "11px system-ui, sans-serif";
    similarity.forEach((row, y) => row.forEach((value, x) => {
      paint.fillStyle = `rgb(${colorOf(value)})`;
      paint.fillRect(place(x), place(y), cell, cell);
      if (cell < 30) return;
      paint.fillStyle = value > 0.6 ? "#000" : "#fff";
      paint.fillText(value.toFixed(2), place(x) + cell / 2, place(y) + cell / 2);
    }));
  };
  const outline = (x, y, color, width) => {
    paint.strokeStyle = color;
    paint.lineWidth = width;
    paint.strokeRect(place(x) + width / 2, place(y) + width / 2, cell - width, cell - width);
  };
  redraw = () => {
    const ink = getComputedStyle(root);
    paint.clearRect(0, 0, size, size);
    paint.textBaseline = "middle";
    drawCells();
    if (cell >= 8) {
      similarity.forEach((row, y) => row.forEach((value, x) => { if (x !== y && value >= threshold) outline(x, y, "#fff", 2); }));
    }
    if (cursor) { outline(...cursor, "#000", 4); outline(...cursor, "#fff", 2); }
    if (!labelled) return;
    paint.font = "11px system-ui, sans-serif";
    ids.forEach((id, i) => {
      const here = cursor && cursor.includes(i);
      paint.fillStyle = ink.getPropertyValue("color");
      paint.globalAlpha = here || !cursor ? 1 : 0.55;
      paint.textAlign = "center";
      paint.fillText(id, place(i) + cell / 2, margin / 2 + 4);
      paint.textAlign = "right";
      paint.fillText(id, margin - 6, place(i) + cell / 2);
    });
    paint.globalAlpha = 1;
  };
  redraw();

  const legend = byId("legend");
  const ramp = legend.getContext("2d");
  for (let y = 0; y < legend.height; y++) {
    ramp.fillStyle = `rgb(${colorOf(1 - y / (legend.height - 1))})`;
    ramp.fillRect(0, y, legend.width, 1);
  }
  ramp.fillStyle = "#fff";
  ramp.fillRect(0, Math.round((1 - threshold) * (legend.height - 1)) - 1, legend.width, 2);

  const read = (x, y) => {
    cursor = [x, y];
    redraw();
    const value = similarity[y][x];
    const [a, b] = [ids[y], ids[x]];
    byId("reading").textContent = a === b
      ? `person ${a} with itself: ${value.toFixed(3)}`
      : `persons ${a} and ${b}: ${value.toFixed(3)}, ${value >= threshold ? "above" : "below"} the threshold`;
    byId("pair").replaceChildren(...[...new Set([a, b])].filter((id) => id in faces).map((id) => {
      const image = new Image();
      image.src = faces[id];
      image.alt = `person ${id}`;
      return image;
    }));
  };
  const cellAt = (position, length) => Math.floor((position / length * size - margin) / cell);
  heatmap.addEventListener("pointermove", (event) => {
    const box = heatmap.getBoundingClientRect();
    const x = cellAt(event.clientX - box.left, box.width);
    const y = cellAt(event.clientY - box.top, box.height);
    if (x < 0 || y < 0 || x >= count || y >= count || (cursor && cursor[0] === x && cursor[1] === y)) return;
    read(x, y);
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  heatmap.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(steps, event.key)) return;
    event.preventDefault();
    const within = (i) => Math.min(Math.max(i, 0), count - 1);
    read(...(cursor ? cursor.map((i, axis) => within(i + steps[event.key][axis])) : [0, 0]));
  });
})();
