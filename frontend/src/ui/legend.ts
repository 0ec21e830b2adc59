/** The legend of the shown style, over the map; closed it is only the style's name. */

import {
  gradient,
  share,
  thinTicks,
  visibleClasses,
  type ChannelLegend,
  type ClassLegend,
  type Legend,
  type RampLegend,
} from "../legend";
import { strings } from "../strings";
import { el, icon } from "./dom";

export interface LegendBox {
  readonly element: HTMLDetailsElement;
  /** Shows a legend, or why there is none; null takes the box away. */
  show(legend: Legend | string | null): void;
}

const MOST_TICKS = 7;

function ramp(legend: RampLegend): HTMLElement {
  const bar = el("div", { class: "legend-bar" });
  bar.style.backgroundImage = gradient(legend);
  const ticks = thinTicks(legend.ticks, MOST_TICKS).map(({ value, label }) => {
    const tick = el("span", {}, label);
    tick.style.left = `${share(value, legend.range)}%`;
    return tick;
  });
  return el(
    "div",
    { class: "legend-ramp" },
    el("div", { class: "legend-bar-frame" }, bar),
    el("div", { class: "legend-ticks" }, ...ticks),
  );
}

function classes(legend: ClassLegend): HTMLElement {
  const rows = visibleClasses(legend).map(({ name, color }) => {
    const swatch = el("i", { class: "swatch" });
    swatch.style.backgroundColor = color;
    return el("li", {}, swatch, name);
  });
  return el("ul", { class: "legend-classes" }, ...rows);
}

function channels({ channels }: ChannelLegend): HTMLElement {
  const rows = channels.map(({ channel, name, range }) =>
    el(
      "li",
      {},
      el("i", { class: `swatch channel-${channel}` }),
      name === channel ? strings.channel(channel) : `${strings.channel(channel)}: ${name}`,
      range === null ? null : el("span", { class: "legend-range" }, strings.range(range)),
    ),
  );
  return el("ul", { class: "legend-classes" }, ...rows);
}

function content(legend: Legend): HTMLElement {
  if (legend.kind === "ramp") return ramp(legend);
  return legend.kind === "rgb" ? channels(legend) : classes(legend);
}

export function createLegend(open: boolean): LegendBox {
  const title = el("span", { class: "legend-title" });
  const body = el("div", { class: "legend-body" });
  const element = el(
    "details",
    { class: "map-legend surface", testid: "legend", attrs: { open } },
    el("summary", {}, title, icon("down")),
    body,
  );
  element.hidden = true;
  return {
    element,
    show(legend) {
      element.hidden = legend === null;
      if (legend === null) return;
      const failed = typeof legend === "string";
      title.textContent = failed ? strings.legendTitle : legendName(legend);
      body.replaceChildren(failed ? el("p", { class: "hint" }, legend) : content(legend));
    },
  };
}

function legendName({ title, unit }: Legend): string {
  return unit === "" ? title : `${title} (${unit})`;
}
