/** The style switcher: a card per style with a preview of the middle of the map. */

import type { StyleInfo } from "../api";
import { strings } from "../strings";
import { el, section } from "./dom";

export interface StyleSwitcher {
  readonly element: HTMLElement;
  update(styles: readonly StyleInfo[], chosen: string | null): void;
  /** Sets the previews; `address` gives a style's picture, null takes the previews away. */
  preview(address: ((style: string) => string) | null): void;
}

export function createStyleSwitcher(choose: (id: string) => void): StyleSwitcher {
  const grid = el("div", {
    class: "styles",
    attrs: { role: "radiogroup", "aria-label": strings.styles },
  });
  const description = el("p", { class: "hint style-description" });
  const element = section(strings.styles, "style-switcher", grid, description);
  let shown: readonly StyleInfo[] | null = null;

  function card(style: StyleInfo): HTMLElement {
    const id = `style-${style.id}`;
    const input = el("input", {
      class: "visually-hidden",
      attrs: { type: "radio", name: "style", id, value: style.id },
      on: { change: () => choose(style.id) },
    });
    const picture = el("img", {
      class: "style-preview",
      attrs: { alt: "", width: 128, height: 56, decoding: "async", hidden: true },
    });
    picture.addEventListener("load", () => picture.removeAttribute("hidden"));
    picture.addEventListener("error", () => picture.setAttribute("hidden", ""));
    return el(
      "div",
      { class: "style", testid: `style-${style.id}` },
      input,
      el(
        "label",
        { attrs: { for: id, title: style.description } },
        el("span", { class: "style-frame" }, picture),
        el("span", { class: "style-title" }, style.title),
      ),
    );
  }

  return {
    element,
    update(styles, chosen) {
      if (shown !== styles) {
        grid.replaceChildren(...styles.map(card));
        shown = styles;
      }
      element.hidden = styles.length === 0;
      for (const input of grid.querySelectorAll("input")) input.checked = input.value === chosen;
      description.textContent = styles.find(({ id }) => id === chosen)?.description ?? "";
    },
    preview(address) {
      for (const style of shown ?? []) {
        const picture = grid.querySelector<HTMLImageElement>(
          `[data-testid="${CSS.escape(`style-${style.id}`)}"] img`,
        );
        if (picture === null) continue;
        if (address === null) {
          picture.removeAttribute("src");
          picture.setAttribute("hidden", "");
        } else if (picture.getAttribute("src") !== address(style.id)) {
          picture.src = address(style.id);
        }
      }
    },
  };
}
