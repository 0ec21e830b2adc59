/** The addresses of the shown layer, each with a button that copies it. */

import { addresses, type Layer } from "../addresses";
import { strings } from "../strings";
import { el, icon, iconButton } from "./dom";

export interface AddressBox {
  readonly element: HTMLElement;
  update(layer: Layer | null): void;
}

/** How long a button says that it has copied. */
const FEEDBACK_MS = 1600;

function fact(name: string, value: string): HTMLElement {
  return el("div", {}, el("dt", {}, name), el("dd", {}, value));
}

function field(id: keyof typeof strings.address, value: string): HTMLElement {
  const label = strings.address[id];
  const input = el("input", {
    testid: `address-${id}`,
    attrs: { type: "text", readonly: true, id: `address-${id}`, spellcheck: "false" },
    on: { focus: () => input.select() },
  });
  input.value = value;
  const copy = iconButton("copy", strings.copy(label), () => void copyFrom(input, copy));
  copy.dataset["testid"] = `copy-${id}`;
  return el(
    "div",
    { class: "address" },
    el("label", { attrs: { for: `address-${id}` } }, label),
    input,
    copy,
  );
}

/** The clipboard is closed to pages on plain http; there the text is left selected. */
async function copyFrom(input: HTMLInputElement, from: HTMLButtonElement): Promise<void> {
  const label = from.getAttribute("aria-label") ?? "";
  let message = strings.copied;
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    input.focus();
    message = strings.copyFailed;
  }
  from.classList.toggle("done", message === strings.copied);
  from.replaceChildren(icon(message === strings.copied ? "check" : "copy"));
  from.setAttribute("aria-label", message);
  from.title = message;
  window.setTimeout(() => {
    from.classList.remove("done");
    from.replaceChildren(icon("copy"));
    from.setAttribute("aria-label", label);
    from.title = label;
  }, FEEDBACK_MS);
}

export function createAddressBox(): AddressBox {
  const facts = el("dl", { class: "facts" });
  const fields = el("div", { class: "addresses" });
  const element = el(
    "details",
    { class: "section use", testid: "addresses" },
    el("summary", {}, el("h2", {}, strings.use), icon("down")),
    facts,
    fields,
    el("p", { class: "hint" }, strings.useHint),
  );
  let shown: string | null = null;
  return {
    element,
    update(layer) {
      element.hidden = layer === null;
      const key = JSON.stringify(layer);
      // Kept while nothing changes: somebody may be selecting text in a field.
      if (layer === null || key === shown) return;
      shown = key;
      facts.replaceChildren(
        fact(strings.layerName, layer.collection.id),
        layer.formula === null
          ? fact(strings.styleName, layer.style)
          : fact(strings.formula, layer.formula.expression),
        ...(layer.time === null ? [] : [fact(strings.time, layer.time)]),
      );
      const origin = window.location.origin;
      fields.replaceChildren(...addresses(layer, origin).map(({ id, value }) => field(id, value)));
    },
  };
}
