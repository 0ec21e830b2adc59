/** One day, or what a range of days shows: latest, least cloudy, without clouds, median. */

import type { Collection, DateEntry } from "../api";
import { addDays } from "../dates";
import { strings } from "../strings";
import { hasTime, type View } from "../view";
import { el } from "./dom";

/** The rules that the page offers, as the server's `mosaic` words. */
export const RULES = ["most-recent", "least-cloudy", "clear", "median", "median,clear"] as const;

export type MosaicChange = Pick<View, "from" | "date" | "mosaic">;

export interface MosaicBox {
  readonly element: HTMLElement;
  update(collection: Collection | null, view: View, dates: readonly DateEntry[]): void;
}

const ONE_DAY = "";
/** How far back a range goes at first. */
const FIRST_RANGE_DAYS = 90;

/** Where a range starts: far enough back for a second date, where there is one. */
export function rangeStart(day: string, dates: readonly DateEntry[]): string {
  const start = addDays(day, -FIRST_RANGE_DAYS);
  const before = dates.filter(({ date }) => date < day).at(-1)?.date;
  return before !== undefined && before < start ? before : start;
}

export function createMosaicBox(change: (change: MosaicChange) => void): MosaicBox {
  let day: string | null = null;
  let known: readonly DateEntry[] = [];
  const rule = el("select", {
    class: "field",
    testid: "mosaic",
    attrs: { id: "mosaic" },
    on: { change: () => choose() },
  });
  const dateField = (label: string, testid: string): HTMLInputElement =>
    el("input", {
      class: "field",
      testid,
      attrs: { type: "date", "aria-label": label, required: true },
      on: { change: () => choose() },
    });
  const from = dateField(strings.from, "mosaic-from");
  const to = dateField(strings.to, "mosaic-to");
  const range = el("div", { class: "range-row" }, from, el("span", {}, "–"), to);
  const fault = el("p", { class: "fault", attrs: { role: "alert" } });
  const element = el(
    "div",
    { class: "mosaic rows" },
    el("div", { class: "row" }, el("label", { attrs: { for: "mosaic" } }, strings.mosaic), rule),
    range,
    fault,
  );

  function choose(): void {
    if (rule.value === ONE_DAY) {
      change({ from: null, date: day, mosaic: null });
      return;
    }
    const last = range.hidden ? day : to.value;
    const first = range.hidden && day !== null ? rangeStart(day, known) : from.value;
    // A half-typed date is an empty value: the picture stays until it is whole.
    if (last === null || last === "" || first === "") return;
    fault.textContent = first > last ? strings.badDates : "";
    if (first <= last) change({ from: first, date: last, mosaic: rule.value });
  }

  return {
    element,
    update(collection, view, dates) {
      element.hidden = collection === null || !hasTime(collection);
      day = view.date;
      known = dates;
      fault.textContent = "";
      const rules: string[] = RULES.filter((name) => !name.includes("clear") || collection?.clear);
      const chosen = view.from === null ? (view.mosaic ?? ONE_DAY) : (view.mosaic ?? RULES[0]);
      const other = chosen !== ONE_DAY && !rules.includes(chosen) ? [chosen] : [];
      const options = [ONE_DAY, ...rules, ...other];
      if (options.join(" ") !== [...rule.options].map(({ value }) => value).join(" ")) {
        rule.replaceChildren(
          ...options.map((value) => el("option", { attrs: { value } }, strings.rule(value))),
        );
      }
      rule.value = chosen;
      range.hidden = view.from === null;
      if (view.from !== null) from.value = view.from;
      if (view.date !== null) to.value = view.date;
    },
  };
}
