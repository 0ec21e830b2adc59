/** A month of days; those with images are marked and coloured by their cloud cover. */

import type { DateEntry } from "../api";
import {
  addDays,
  addMonths,
  clearest,
  cloudClass,
  latest,
  monthCounts,
  monthGrid,
  monthOf,
  shiftMonth,
  weekday,
} from "../dates";
import { strings } from "../strings";
import { button, el, iconButton, section } from "./dom";

export interface Calendar {
  readonly element: HTMLElement;
  update(entries: readonly DateEntry[], chosen: string | null): void;
}

/** What a key does to the day that has the focus; other keys are left alone. */
const MOVES: Readonly<Record<string, (day: string) => string>> = {
  ArrowLeft: (day) => addDays(day, -1),
  ArrowRight: (day) => addDays(day, 1),
  ArrowUp: (day) => addDays(day, -7),
  ArrowDown: (day) => addDays(day, 7),
  Home: (day) => addDays(day, -weekday(day)),
  End: (day) => addDays(day, 6 - weekday(day)),
  PageUp: (day) => shiftMonth(day, -1),
  PageDown: (day) => shiftMonth(day, 1),
};

function spoken(day: string, entry: DateEntry | undefined): string {
  if (entry === undefined) return `${strings.longDay(day)}, ${strings.noImage}`;
  const parts = [strings.longDay(day), strings.images(entry.items)];
  if (entry.cloud_cover !== null) parts.push(strings.cloud(entry.cloud_cover));
  return parts.join(", ");
}

function legend(): HTMLElement {
  const items = (["clear", "partly", "cloudy"] as const).map((kind) =>
    el("span", { class: "legend-item" }, el("i", { class: `dot ${kind}` }), strings.legend[kind]),
  );
  return el("div", { class: "legend", attrs: { "aria-hidden": "true" } }, ...items);
}

class CalendarView implements Calendar {
  readonly element: HTMLElement;
  private entries = new Map<string, DateEntry>();
  private list: readonly DateEntry[] = [];
  private chosen: string | null = null;
  private month = new Date().toISOString().slice(0, 7);
  /** The one day of the grid that the Tab key reaches. */
  private focus = "";
  private readonly grid = el("div", { class: "days", attrs: { role: "grid" } });
  private readonly months = el("select", {
    attrs: { "aria-label": strings.month },
    on: { change: () => this.showMonth(this.months.value) },
  });
  private readonly latestButton = button(strings.latest, () => this.chooseEntry(latest(this.list)));
  private readonly clearestButton = button(strings.clearest, () =>
    this.chooseEntry(clearest(this.list)),
  );

  constructor(private readonly choose: (day: string) => void) {
    this.latestButton.title = strings.latestHint;
    this.clearestButton.title = strings.clearestHint;
    this.grid.addEventListener("keydown", (event) => this.onKey(event));
    this.grid.setAttribute("aria-label", strings.calendar);
    this.element = section(
      strings.dates,
      "date-picker",
      el("div", { class: "date-shortcuts" }, this.clearestButton, this.latestButton),
      el(
        "div",
        { class: "month-row" },
        iconButton("left", strings.previousMonth, () => this.showMonth(addMonths(this.month, -1))),
        this.months,
        iconButton("right", strings.nextMonth, () => this.showMonth(addMonths(this.month, 1))),
      ),
      this.grid,
      legend(),
    );
  }

  update(entries: readonly DateEntry[], chosen: string | null): void {
    const turned = chosen !== this.chosen;
    const first = this.list.length === 0;
    this.list = entries;
    this.entries = new Map(entries.map((entry) => [entry.date, entry]));
    this.chosen = chosen;
    const anchor = chosen ?? latest(entries)?.date;
    if (anchor !== undefined && (turned || first)) {
      this.month = monthOf(anchor);
      this.focus = anchor;
    }
    this.latestButton.disabled = entries.length === 0;
    this.clearestButton.disabled = clearest(entries) === null;
    this.render();
  }

  private chooseEntry(entry: DateEntry | null): void {
    if (entry !== null) this.choose(entry.date);
  }

  private showMonth(month: string): void {
    this.month = month;
    this.focus = this.list.find(({ date }) => monthOf(date) === month)?.date ?? `${month}-01`;
    this.render();
  }

  private onKey(event: KeyboardEvent): void {
    const move = MOVES[event.key];
    if (move === undefined) return;
    event.preventDefault();
    this.focus = move(this.focus);
    this.month = monthOf(this.focus);
    this.render();
    this.grid.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private render(): void {
    const hadFocus = this.grid.contains(document.activeElement);
    if (monthOf(this.focus) !== this.month) this.focus = `${this.month}-01`;
    this.renderMonths();
    const names = strings.weekdays.map((name) =>
      el("span", { class: "weekday", attrs: { role: "columnheader" } }, name),
    );
    const weeks = monthGrid(this.month).map((week) =>
      el("div", { class: "week", attrs: { role: "row" } }, ...week.map((day) => this.cell(day))),
    );
    this.grid.replaceChildren(
      el("div", { class: "week", attrs: { role: "row" } }, ...names),
      ...weeks,
    );
    if (hadFocus) this.grid.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  private renderMonths(): void {
    const counts = monthCounts(this.list);
    if (!counts.has(this.month)) counts.set(this.month, 0);
    const options = [...counts.entries()]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([month, count]) =>
        el(
          "option",
          { attrs: { value: month, selected: month === this.month } },
          strings.monthOption(month, count),
        ),
      );
    this.months.replaceChildren(...options);
  }

  private cell(day: string | null): HTMLElement {
    if (day === null) return el("span", { attrs: { role: "gridcell" } });
    const entry = this.entries.get(day);
    const kind = entry === undefined ? "none" : cloudClass(entry.cloud_cover);
    const dayButton = el(
      "button",
      {
        class: `day ${kind}`,
        attrs: {
          type: "button",
          "data-date": day,
          tabindex: day === this.focus ? 0 : -1,
          "aria-label": spoken(day, entry),
          "aria-disabled": entry === undefined ? "true" : false,
          title: entry === undefined ? false : spoken(day, entry),
        },
        on: {
          click: () => {
            if (entry !== undefined) this.choose(day);
          },
        },
      },
      String(Number(day.slice(8))),
    );
    return el(
      "span",
      { attrs: { role: "gridcell", "aria-selected": String(day === this.chosen) } },
      dayButton,
    );
  }
}

export function createCalendar(choose: (day: string) => void): Calendar {
  return new CalendarView(choose);
}
