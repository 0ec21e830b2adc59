/** How strongly the layer covers the base map. */

import { strings } from "../strings";
import { el } from "./dom";

export interface OpacitySlider {
  readonly element: HTMLElement;
  update(percent: number): void;
}

/** `onInput` follows the thumb; `onChange` comes once, when it is let go. */
export function createOpacitySlider(
  onInput: (percent: number) => void,
  onChange: (percent: number) => void,
): OpacitySlider {
  const input = el("input", {
    testid: "opacity",
    attrs: { type: "range", min: 0, max: 100, step: 1, id: "opacity" },
  });
  const output = el("output", { attrs: { for: "opacity" } });

  function show(percent: number): void {
    output.textContent = strings.percent(percent);
    input.setAttribute("aria-valuetext", strings.percent(percent));
    input.style.setProperty("--value", `${percent}%`);
  }

  input.addEventListener("input", () => {
    show(input.valueAsNumber);
    onInput(input.valueAsNumber);
  });
  input.addEventListener("change", () => onChange(input.valueAsNumber));
  const element = el(
    "section",
    { class: "section opacity" },
    el("label", { attrs: { for: "opacity" } }, strings.opacity),
    input,
    output,
  );
  return {
    element,
    update(percent) {
      input.value = String(percent);
      show(percent);
    },
  };
}
