/** The line between two compared pictures: dragged, or moved by the arrow keys. */

import { strings } from "../strings";
import { el, icon } from "./dom";

export interface Divider {
  readonly element: HTMLElement;
  /** Percent of the width and what lies on either side; null takes the line away. */
  update(split: number | null, left: string, right: string): void;
}

const STEP = 2;
const LARGE_STEP = 10;

const KEYS: Readonly<Record<string, (split: number, step: number) => number>> = {
  ArrowLeft: (split, step) => split - step,
  ArrowRight: (split, step) => split + step,
  ArrowDown: (split, step) => split - step,
  ArrowUp: (split, step) => split + step,
  PageDown: (split) => split - LARGE_STEP,
  PageUp: (split) => split + LARGE_STEP,
  Home: () => 0,
  End: () => 100,
};

/** `onInput` follows the line; `onChange` comes once, when it is let go. */
export function createDivider(
  onInput: (split: number) => void,
  onChange: (split: number) => void,
): Divider {
  let at = 50;
  const handle = el(
    "button",
    {
      class: "divider-handle surface",
      testid: "divider",
      attrs: {
        type: "button",
        role: "slider",
        "aria-label": strings.divider,
        "aria-orientation": "horizontal",
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
    },
    icon("left"),
    icon("right"),
  );
  const left = el("span", { class: "divider-label left surface" });
  const right = el("span", { class: "divider-label right surface" });
  const element = el("div", { class: "divider" }, left, right, handle);
  element.hidden = true;

  function show(split: number): void {
    at = Math.min(100, Math.max(0, split));
    element.style.left = `${at}%`;
    handle.setAttribute("aria-valuenow", String(Math.round(at)));
    handle.setAttribute("aria-valuetext", strings.percent(Math.round(at)));
  }

  element.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    handle.focus();
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (!element.hasPointerCapture(event.pointerId)) return;
    show((event.clientX / window.innerWidth) * 100);
    onInput(at);
  });
  element.addEventListener("lostpointercapture", () => onChange(at));
  handle.addEventListener("keydown", (event) => {
    const move = KEYS[event.key];
    if (move === undefined) return;
    event.preventDefault();
    show(move(at, event.shiftKey ? LARGE_STEP : STEP));
    onInput(at);
    onChange(at);
  });

  return {
    element,
    update(split, leftText, rightText) {
      element.hidden = split === null;
      left.textContent = leftText;
      right.textContent = rightText;
      if (split !== null) show(split);
    },
  };
}
