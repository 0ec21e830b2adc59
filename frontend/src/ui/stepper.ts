/** The shown date over the map, with buttons to the dates before and after it. */

import type { DateEntry } from "../api";
import { cloudClass, neighbours } from "../dates";
import { strings } from "../strings";
import { el, iconButton } from "./dom";

export interface Stepper {
  readonly element: HTMLElement;
  /** `from` is the first day of a range that ends with the chosen one. */
  update(entries: readonly DateEntry[], chosen: string | null, from: string | null): void;
}

export function createStepper(choose: (day: string) => void): Stepper {
  let before: DateEntry | null = null;
  let after: DateEntry | null = null;
  const go = (entry: DateEntry | null): void => {
    if (entry !== null) choose(entry.date);
  };
  const previous = iconButton("left", strings.previousDate, () => go(before));
  const next = iconButton("right", strings.nextDate, () => go(after));
  previous.dataset["testid"] = "previous-date";
  next.dataset["testid"] = "next-date";
  const dot = el("i", { class: "dot" });
  const day = el("strong", { testid: "current-date" });
  const cloud = el("span", { class: "stepper-cloud" });
  const element = el(
    "div",
    {
      class: "stepper surface",
      testid: "date-stepper",
      attrs: { role: "group", "aria-label": strings.stepper },
    },
    previous,
    el("span", { class: "stepper-text", attrs: { "aria-live": "polite" } }, dot, day, cloud),
    next,
  );

  return {
    element,
    update(entries, chosen, from) {
      element.hidden = chosen === null;
      if (chosen === null) return;
      ({ previous: before, next: after } = neighbours(entries, chosen));
      previous.disabled = before === null;
      next.disabled = after === null;
      if (from !== null) {
        dot.className = "dot range";
        day.textContent = strings.timeText(`${from}/${chosen}`);
        cloud.textContent = "";
        return;
      }
      const entry = entries.find(({ date }) => date === chosen);
      const percent = entry?.cloud_cover ?? null;
      dot.className = `dot ${entry === undefined ? "none" : cloudClass(percent)}`;
      day.textContent = strings.day(chosen);
      if (entry === undefined) cloud.textContent = strings.noImage;
      else cloud.textContent = percent === null ? "" : strings.cloud(percent);
    },
  };
}
