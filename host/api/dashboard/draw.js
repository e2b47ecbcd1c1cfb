// Makes elements, and draws bars and lines as SVG. Everything that comes from the daemon becomes text or an
// attribute, never markup.

const SVG = "http://www.w3.org/2000/svg";

/// An element with attributes and children; what is null or false is left out.
export function h(name, attributes = {}, ...children) {
  return made(document.createElement(name), attributes, children);
}

export function svg(name, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, name), attributes, children);
}

function made(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/// Puts new children in, and gives the focus back to what had it, by its `data-key`.
export function fill(parent, ...children) {
  const active = document.activeElement;
  const key = parent.contains(active) ? active.dataset.key : undefined;
  const open = new Map([...parent.querySelectorAll("details")].map((one) => [one.dataset.key, one.open]));
  const places = [...parent.querySelectorAll("[data-scroll]")].map((one) => [one.dataset.scroll, one.scrollTop, one.scrollLeft]);
  parent.replaceChildren(...children.flat(3).filter(Boolean));
  for (const one of parent.querySelectorAll("details")) if (open.has(one.dataset.key)) one.open = open.get(one.dataset.key);
  for (const [name, top, left] of places) {
    const again = parent.querySelector(`[data-scroll="${CSS.escape(name)}"]`);
    if (again) { again.scrollTop = top; again.scrollLeft = left; }
  }
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

const WIDTH = 640;
const HEIGHT = 190;
const LEFT = 4;
const RIGHT = 52;
const TOP = 8;
const BOTTOM = 22;

/// Round marks that span some values.
export function marks(low, high, wanted = 4) {
  if (low === high) { high += 1; if (low > 0) low = 0; }
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.floor(low / step) * step;
  const found = [];
  for (let at = first; at < high + step * 0.999; at += step) found.push(Number(at.toPrecision(12)));
  return found;
}

function markText(value) {
  const size = Math.abs(value);
  if (size >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (size >= 1e4) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(4)));
}

/// A frame with marks; `inside` gets the places and draws.
function plot(label, steps, low, high, stepText, inside) {
  const scale = marks(low, high);
  const bottom = scale[0];
  const top = scale[scale.length - 1];
  const width = WIDTH - LEFT - RIGHT;
  const height = HEIGHT - TOP - BOTTOM;
  const x = (index) => LEFT + (index / steps.length) * width;
  const y = (value) => TOP + (1 - (value - bottom) / (top - bottom)) * height;
  const every = Math.max(1, Math.ceil(steps.length / 5));
  return svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label },
    scale.map((value) => [
      svg("line", { class: value === 0 ? "zero" : "grid", x1: LEFT, x2: LEFT + width, y1: y(value), y2: y(value) }),
      svg("text", { x: LEFT + width + 6, y: y(value) + 4 }, markText(value)),
    ]),
    inside(x, y, width / steps.length),
    steps.map((step, index) => index % every === 0 && svg("text", { x: x(index), y: HEIGHT - 6 }, stepText(step))));
}

/// Bars of one number a step.
export function bars(label, steps, value, stepText) {
  const high = Math.max(1, ...steps.map(value));
  return plot(label, steps, 0, high, stepText, (x, y, width) =>
    steps.map((step, index) => value(step) > 0 && svg("rect", {
      class: "bar", x: x(index) + width * 0.12, width: Math.max(width * 0.76, 0.8), y: y(value(step)),
      height: Math.max(y(0) - y(value(step)), 1), rx: Math.min(2, width / 4),
    })));
}

/// A line of one number at the end of each step.
export function line(label, steps, value, stepText) {
  const values = steps.map(value);
  return plot(label, steps, Math.min(0, ...values), Math.max(0, ...values), stepText, (x, y) => {
    const points = [`${x(0)},${y(0)}`, ...values.map((one, index) => `${x(index + 1)},${y(one)}`)];
    return [
      svg("polygon", { class: "under", points: `${x(0)},${y(0)} ${points.join(" ")} ${x(steps.length)},${y(0)}` }),
      svg("polyline", { class: "line", points: points.join(" ") }),
    ];
  });
}

/// A bar of time with spans in it: `[from, to, class]` in milliseconds.
export function spans(label, from, to, parts) {
  const width = 1000;
  const x = (at) => Math.max(0, Math.min(width, ((at - from) / (to - from)) * width));
  return svg("svg", { viewBox: `0 0 ${width} 20`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("rect", { class: "ground", x: 0, y: 0, width, height: 20 }),
    parts.map(([start, end, kind]) => x(end) > x(start) || kind !== "proven"
      ? svg("rect", { class: kind, x: x(start), y: 0, width: Math.max(x(end) - x(start), kind === "proven" ? 0 : 4), height: 20 })
      : null),
    svg("rect", { class: "edge", x: 0.5, y: 0.5, width: width - 1, height: 19, "vector-effect": "non-scaling-stroke" }));
}
