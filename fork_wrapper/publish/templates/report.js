"use strict";
// Zoom, switches and the full-size view. Without this script the page shows all it has; nothing is fetched here.
document.documentElement.classList.add("js");
const SVG = "http://www.w3.org/2000/svg";
const MARGIN = { left: 66, right: 28, top: 12, bottom: 44 };
const HEIGHT = 300;

function shown(value) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.001 || size >= 1e6) return value.toExponential(3).replace(/\.?0*e\+?/, "e");
  return String(Number(value.toPrecision(size < 1000 ? 4 : 7)));
}

function ticks(low, high, count) {
  const rough = (high - low) / count, unit = 10 ** Math.floor(Math.log10(rough));
  const size = unit * [1, 2, 5, 10].find((step) => unit * step >= rough * 0.999);
  const found = [];
  for (let n = Math.ceil(low / size - 1e-9); n * size <= high + size * 1e-9; n++) found.push(n * size);
  return found;
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.svg = figure.querySelector(".plot svg");
    const { left, right, low, high } = figure.dataset;
    this.all = { left: +left, right: +right, low: +low, high: +high };
    this.view = { ...this.all };
    this.readPoints();
    this.listen();
  }

  // The points as they stand in the markup, back in steps and values: they are the page's only copy.
  readPoints() {
    const box = this.svg.viewBox.baseVal, { left, right, low, high } = this.all;
    const wide = box.width - MARGIN.left - MARGIN.right, tall = box.height - MARGIN.top - MARGIN.bottom;
    const step = (x) => left + ((x - MARGIN.left) / wide) * (right - left);
    const value = (y) => low + ((box.height - MARGIN.bottom - y) / tall) * (high - low);
    let marker = null;
    this.lines = [];
    for (const node of this.svg.querySelectorAll(".lines > *")) {
      if (node.tagName === "polyline") {
        const numbers = node.getAttribute("points").split(/[ ,]/).map(Number);
        const steps = new Float64Array(numbers.length / 2), values = new Float64Array(numbers.length / 2);
        for (let i = 0; i < steps.length; i++) {
          steps[i] = step(numbers[2 * i]);
          values[i] = value(numbers[2 * i + 1]);
        }
        this.lines.push({ node, steps, values, markers: [], on: true });
      } else if (node.classList.contains("m")) this.lines.at(-1).markers.push(node);
    }
    this.marks = [...this.svg.querySelectorAll(".mark")].map((node) => ({ node, step: step(+node.getAttribute("x1")) }));
    this.labels = [...this.figure.querySelectorAll(".legend label")].map((label) => label.textContent.trim());
  }

  listen() {
    const plot = this.figure.querySelector(".plot");
    this.figure.querySelector(".tools").addEventListener("click", (event) => this.act(event.target.dataset.do));
    plot.addEventListener("keydown", (event) => {
      const action = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all" }[event.key];
      if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.act(action);
    });
    this.figure.querySelector(".legend").addEventListener("change", (event) => {
      this.lines[+event.target.dataset.line].on = event.target.checked;
      this.draw();
    });
    this.svg.addEventListener("pointerdown", (event) => this.begin(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.end(event));
    this.svg.addEventListener("pointercancel", () => this.drop());
    this.svg.addEventListener("pointerleave", () => (this.figure.querySelector(".readout").textContent = ""));
    this.svg.addEventListener("dblclick", () => this.act("all"));
  }

  act(action) {
    const { left, right } = this.view, span = right - left, middle = (left + right) / 2;
    if (action === "all") return this.show(this.all.left, this.all.right);
    if (action === "in") return this.show(middle - span / 4, middle + span / 4);
    if (action === "out") return this.show(middle - span, middle + span);
    if (action === "left") return this.show(left - span / 4, right - span / 4);
    if (action === "right") return this.show(left + span / 4, right + span / 4);
  }

  // A span of steps, moved into what there is; the height follows what is seen in it.
  show(left, right) {
    const whole = this.all.right - this.all.left, span = Math.min(Math.max(right - left, whole / 500), whole);
    const from = Math.min(Math.max((left + right - span) / 2, this.all.left), this.all.right - span);
    this.view = { ...this.all, left: from, right: from + span };
    if (span < whole * 0.9999) this.fit();
    this.draw();
  }

  fit() {
    let low = Infinity, high = -Infinity;
    for (const { steps, values, on } of this.lines) {
      for (let i = 0; on && i < steps.length; i++) {
        if (steps[i] < this.view.left || steps[i] > this.view.right) continue;
        low = Math.min(low, values[i]);
        high = Math.max(high, values[i]);
      }
    }
    if (low > high) return;
    const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
    this.view.low = low - margin;
    this.view.high = high + margin;
  }

  draw(width = this.svg.clientWidth) {
    this.width = Math.max(280, Math.round(width) || 720);
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    const { left, right, low, high } = this.view;
    const wide = this.width - MARGIN.left - MARGIN.right, tall = HEIGHT - MARGIN.top - MARGIN.bottom;
    const x = (step) => MARGIN.left + ((step - left) / (right - left)) * wide;
    const y = (value) => HEIGHT - MARGIN.bottom - ((value - low) / (high - low)) * tall;
    this.svg.querySelector("clipPath rect").setAttribute("width", wide);
    this.svg.querySelector(".axis").setAttribute("x", MARGIN.left + wide / 2);
    for (const line of this.lines) this.drawLine(line, x, y);
    for (const { node, step } of this.marks) for (const end of ["x1", "x2"]) node.setAttribute(end, x(step).toFixed(1));
    this.drawAxes(x, y, wide);
  }

  // One more point on either side of what is seen, so that lines run out of the picture.
  drawLine({ node, steps, values, markers, on }, x, y) {
    node.classList.toggle("off", !on);
    const first = Math.max(0, place(steps, this.view.left) - 1), last = Math.min(steps.length, place(steps, this.view.right) + 1);
    const points = [];
    for (let i = first; i < last; i++) points.push(`${x(steps[i]).toFixed(1)},${y(values[i]).toFixed(1)}`);
    node.setAttribute("points", points.join(" "));
    markers.forEach((marker, n) => {
      const wanted = this.view.left + ((this.view.right - this.view.left) * (n + 1)) / (markers.length + 0.5);
      const at = Math.min(place(steps, wanted), steps.length - 1);
      marker.classList.toggle("off", !on || at < first || at >= last);
      marker.setAttribute("transform", `translate(${x(steps[at]).toFixed(1)} ${y(values[at]).toFixed(1)})`);
    });
  }

  drawAxes(x, y, wide) {
    const { left, right, low, high } = this.view, bottom = HEIGHT - MARGIN.bottom, end = MARGIN.left + wide, parts = [];
    for (const value of ticks(low, high, 5)) {
      parts.push(element("line", { x1: MARGIN.left, x2: end, y1: y(value), y2: y(value), class: "grid" }));
      parts.push(element("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, shown(value)));
    }
    for (const step of ticks(left, right, Math.max(3, Math.round(wide / 90)))) {
      if (Math.abs(step - Math.round(step)) > 1e-9) continue; // there are no halves of steps
      parts.push(element("line", { x1: x(step), x2: x(step), y1: bottom, y2: bottom + 4, class: "tick" }));
      parts.push(element("text", { x: x(step), y: bottom + 18, "text-anchor": "middle" }, shown(step)));
    }
    parts.push(element("path", { d: `M${MARGIN.left} ${MARGIN.top}V${bottom}H${end}`, class: "frame" }));
    this.svg.querySelector(".axes").replaceChildren(...parts);
  }

  // The step below the pointer, held within the picture.
  stepAt(event) {
    const box = this.svg.getBoundingClientRect(), wide = this.width - MARGIN.left - MARGIN.right;
    const across = (((event.clientX - box.left) / box.width) * this.width - MARGIN.left) / wide;
    return this.view.left + Math.min(Math.max(across, 0), 1) * (this.view.right - this.view.left);
  }

  begin(event) {
    if (event.button !== 0) return;
    this.svg.setPointerCapture(event.pointerId);
    this.from = this.stepAt(event);
    this.selection = element("rect", { y: MARGIN.top, height: HEIGHT - MARGIN.top - MARGIN.bottom, width: 0, class: "selection" });
    this.svg.append(this.selection);
  }

  move(event) {
    const step = this.stepAt(event);
    if (this.selection) {
      const wide = this.width - MARGIN.left - MARGIN.right, span = this.view.right - this.view.left;
      this.selection.setAttribute("x", MARGIN.left + ((Math.min(step, this.from) - this.view.left) / span) * wide);
      this.selection.setAttribute("width", (Math.abs(step - this.from) / span) * wide);
    }
    const said = this.lines.map(({ steps, values, on }, n) => {
      const at = Math.min(place(steps, step), steps.length - 1);
      return on ? `${this.labels[n]} ${shown(values[at])}` : "";
    });
    this.figure.querySelector(".readout").textContent = `step ${Math.round(step)}: ${said.filter(Boolean).join(", ")}`;
  }

  end(event) {
    if (!this.selection) return;
    const to = this.stepAt(event), far = Math.abs(to - this.from) > (this.view.right - this.view.left) / 100;
    const ends = [this.from, to].sort((a, b) => a - b);
    this.drop();
    if (far) this.show(...ends);
  }

  drop() {
    this.selection?.remove();
    this.selection = null;
  }
}

// The first place whose step is not below the wanted one.
function place(steps, wanted) {
  let low = 0, high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle] < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Samples in full: arrow keys go through checkpoints and prompts, Escape closes, the focus goes back to the picture.
class Viewer {
  constructor(dialog) {
    this.dialog = dialog;
    document.addEventListener("click", (event) => {
      const thumb = event.target.closest(".thumb");
      if (thumb) this.open(thumb);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.dataset.go === "close") dialog.close();
      else if (event.target.dataset.go) this.go(event.target.dataset.go);
    });
    dialog.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" }[event.key];
      if (!way) return;
      event.preventDefault();
      this.go(way);
    });
    dialog.addEventListener("close", () => this.thumb?.focus());
  }

  open(thumb) {
    this.thumb = thumb;
    const small = thumb.querySelector("img"), large = this.dialog.querySelector("img");
    large.src = small.src;
    large.alt = small.alt;
    this.dialog.querySelector("h2").textContent = thumb.dataset.title;
    this.dialog.querySelector("p").textContent = thumb.dataset.words;
    if (!this.dialog.open) this.dialog.showModal();
  }

  go(way) {
    const cell = this.thumb.closest("td"), row = cell.parentElement, table = row.closest("table");
    const rows = [...table.querySelectorAll("tr.first-line")], at = rows.indexOf(row), column = [...row.cells].indexOf(cell);
    const line = way === "up" ? rows[at - 1] : way === "down" ? rows[at + 1] : row;
    const next = line?.cells[column + { left: -1, right: 1, up: 0, down: 0 }[way]]?.querySelector(".thumb");
    if (next) this.open(next);
  }
}

const charts = [...document.querySelectorAll("figure.chart")].map((figure) => new Chart(figure));
function drawAll(width) {
  performance.mark("charts");
  for (const chart of charts) chart.draw(width);
  performance.measure("charts drawn", "charts");
}
drawAll();
let waiting = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => drawAll());
});
// On paper as wide as the page without a script has them, whatever window it is printed from.
addEventListener("beforeprint", () => drawAll(720));
addEventListener("afterprint", () => drawAll());
const viewer = document.querySelector("dialog");
if (viewer) new Viewer(viewer);
