/** Messages over the map (nothing here, something failed) and the bar that shows progress. */

import { strings } from "../strings";
import { button, el, icon, type IconName } from "./dom";

export interface Action {
  readonly label: string;
  readonly run: () => void;
}

export interface Message {
  readonly kind: "empty" | "outside" | "zoom" | "error";
  readonly title: string;
  readonly text: string;
  readonly actions: readonly Action[];
}

export interface Status {
  readonly element: HTMLElement;
  readonly progress: HTMLElement;
  readonly kind: Message["kind"] | "none";
  show(message: Message | null): void;
  /** Share of the asked tiles that have come, 0 to 1. */
  setProgress(share: number, visible: boolean): void;
}

const ICON: Readonly<Record<Message["kind"], IconName>> = {
  empty: "cloud",
  outside: "target",
  zoom: "info",
  error: "alert",
};

export function createStatus(): Status {
  // The live region stays in the page and only its content changes: otherwise it is not read out.
  const element = el("div", {
    class: "status",
    testid: "status",
    attrs: { role: "status", "aria-live": "polite", "data-kind": "none" },
  });
  const bar = el("div", { class: "progress-bar" });
  const progress = el(
    "div",
    {
      class: "progress",
      attrs: { role: "progressbar", "aria-label": strings.progress, "aria-valuemax": 100 },
    },
    bar,
  );
  /** Words of the shown card: the same message again must not be read out again. */
  let shown = "null";

  function card(message: Message): HTMLElement {
    return el(
      "div",
      { class: "card surface" },
      icon(ICON[message.kind]),
      el(
        "div",
        { class: "card-text" },
        el("strong", {}, message.title),
        message.text === "" ? null : el("p", {}, message.text),
      ),
      el(
        "div",
        { class: "card-actions" },
        ...message.actions.map(({ label, run }) => button(label, run)),
      ),
    );
  }

  let kind: Status["kind"] = "none";
  return {
    element,
    progress,
    get kind() {
      return kind;
    },
    show(message) {
      const key = JSON.stringify(message);
      if (key === shown) return;
      shown = key;
      kind = message?.kind ?? "none";
      element.dataset["kind"] = kind;
      element.replaceChildren(...(message === null ? [] : [card(message)]));
    },
    setProgress(share, visible) {
      progress.classList.toggle("visible", visible);
      bar.style.transform = `scaleX(${Math.max(0.06, share)})`;
      progress.setAttribute("aria-valuenow", String(Math.round(share * 100)));
      progress.setAttribute("aria-hidden", String(!visible));
    },
  };
}
