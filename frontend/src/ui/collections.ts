/** The list of collections, one of them chosen. */

import type { Collection } from "../api";
import { strings } from "../strings";
import { el, iconButton, section } from "./dom";

export interface CollectionList {
  readonly element: HTMLElement;
  update(collections: readonly Collection[], chosen: string | null): void;
}

export interface CollectionActions {
  choose(id: string): void;
  zoomTo(id: string): void;
}

export function createCollectionList(actions: CollectionActions): CollectionList {
  const list = el("div", {
    class: "collections",
    attrs: { role: "radiogroup", "aria-label": strings.collections },
  });
  const element = section(strings.collections, "collection-list", list);
  let shown: readonly Collection[] | null = null;

  function row(collection: Collection): HTMLElement {
    const id = `collection-${collection.id}`;
    const input = el("input", {
      class: "visually-hidden",
      attrs: { type: "radio", name: "collection", id, value: collection.id },
      on: { change: () => actions.choose(collection.id) },
    });
    if (collection.description !== "") {
      input.setAttribute("aria-describedby", `${id}-description`);
    }
    return el(
      "div",
      { class: "collection", testid: `collection-${collection.id}` },
      input,
      el(
        "label",
        { attrs: { for: id, title: collection.description } },
        el("span", { class: "radio" }),
        el(
          "span",
          { class: "collection-text" },
          el("span", { class: "collection-title" }, collection.title),
          el(
            "span",
            { class: "collection-description", attrs: { id: `${id}-description` } },
            collection.description,
          ),
        ),
      ),
      iconButton("target", strings.zoomTo(collection.title), () => actions.zoomTo(collection.id)),
    );
  }

  function empty(): HTMLElement {
    return el(
      "p",
      { class: "hint" },
      el("strong", {}, strings.noCollections),
      el("br"),
      strings.noCollectionsHint,
    );
  }

  return {
    element,
    update(collections, chosen) {
      if (shown !== collections) {
        list.replaceChildren(...(collections.length === 0 ? [empty()] : collections.map(row)));
        shown = collections;
      }
      for (const input of list.querySelectorAll("input")) input.checked = input.value === chosen;
    },
  };
}
