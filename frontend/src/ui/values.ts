/** Values of all bands at a place that was pointed at. */

import { strings } from "../strings";
import type { PointValues } from "../values";
import { el, iconButton } from "./dom";

export interface ValuesBox {
  readonly element: HTMLElement;
  /** What is there, why it is not known, or "" while it is on its way; null takes the box away. */
  show(at: readonly [number, number] | null, values: PointValues | string | null): void;
}

export function createValuesBox(place: (at: readonly [number, number]) => string, close: () => void): ValuesBox {
  const title = el("h2", {}, strings.values);
  const where = el("p", { class: "values-place" });
  const body = el("div", { class: "values-body", attrs: { "aria-live": "polite" } });
  const element = el(
    "section",
    { class: "values surface", testid: "values", attrs: { "aria-label": strings.values } },
    el("header", {}, title, iconButton("close", strings.close, close)),
    where,
    body,
  );
  element.hidden = true;

  function table({ rows }: PointValues): HTMLElement {
    const cells = rows.map(({ name, title, value }) =>
      el(
        "tr",
        {},
        el("th", { attrs: { scope: "row", title } }, name),
        el("td", { class: "band-title" }, title),
        el("td", {}, value),
      ),
    );
    return el("table", {}, el("tbody", {}, ...cells));
  }

  return {
    element,
    show(at, values) {
      element.hidden = at === null;
      if (at === null || values === null) return;
      where.textContent = place(at);
      if (typeof values === "string") {
        body.replaceChildren(el("p", { class: "hint" }, values === "" ? strings.loadingValues : values));
        return;
      }
      where.textContent = [place(at), values.when === "" ? "" : strings.day(values.when)].filter(Boolean).join(" · ");
      body.replaceChildren(
        values.rows.length === 0 ? el("p", { class: "hint" }, strings.noValues) : table(values),
      );
    },
  };
}
