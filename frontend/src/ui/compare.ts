/** What is compared with the shown picture: another date, another style, or both. */

import type { DateEntry, StyleInfo } from "../api";
import { strings } from "../strings";
import type { Compare } from "../view";
import { button, el, section } from "./dom";

export interface ComparePanel {
  readonly element: HTMLElement;
  update(
    compare: Compare | null,
    choices: { readonly dates: readonly DateEntry[]; readonly styles: readonly StyleInfo[] },
  ): void;
}

export interface CompareActions {
  start(): void;
  stop(): void;
  change(change: Partial<Compare>): void;
}

const SAME = "";

function fill(
  select: HTMLSelectElement,
  chosen: string | null,
  options: readonly (readonly [string, string])[],
): void {
  const known = chosen === null || options.some(([value]) => value === chosen);
  const all: (readonly [string, string])[] = [
    [SAME, strings.asLeft],
    ...options,
    ...(known ? [] : [[chosen, chosen] as const]),
  ];
  select.replaceChildren(
    ...all.map(([value, label]) =>
      el("option", { attrs: { value, selected: value === (chosen ?? SAME) } }, label),
    ),
  );
}

export function createComparePanel(actions: CompareActions): ComparePanel {
  const date = el("select", {
    class: "field",
    testid: "compare-date",
    attrs: { id: "compare-date" },
    on: { change: () => actions.change({ date: date.value || null }) },
  });
  const style = el("select", {
    class: "field",
    testid: "compare-style",
    attrs: { id: "compare-style" },
    on: { change: () => actions.change({ style: style.value || null }) },
  });
  const dateRow = el("div", { class: "row" }, el("label", { attrs: { for: "compare-date" } }, strings.time), date);
  const fields = el(
    "div",
    { class: "rows" },
    dateRow,
    el("div", { class: "row" }, el("label", { attrs: { for: "compare-style" } }, strings.styleName), style),
  );
  let comparing = false;
  const toggle = button(strings.compareStart, () => (comparing ? actions.stop() : actions.start()));
  toggle.dataset["testid"] = "compare";
  const element = section(strings.compare, "compare-panel", fields, toggle);
  let shown = "";
  return {
    element,
    update(compare, { dates, styles }) {
      comparing = compare !== null;
      fields.hidden = !comparing;
      toggle.textContent = comparing ? strings.compareStop : strings.compareStart;
      dateRow.hidden = dates.length === 0;
      const key = JSON.stringify([compare?.date, compare?.style, dates, styles.map(({ id }) => id)]);
      // Kept while nothing changes: a select that is open must not lose its options.
      if (key === shown) return;
      shown = key;
      const newest = [...dates].reverse();
      fill(
        date,
        compare?.date ?? null,
        newest.map((entry) => [entry.date, strings.dateOption(entry.date, entry.cloud_cover)]),
      );
      fill(style, compare?.style ?? null, styles.map(({ id, title }) => [id, title]));
    },
  };
}
