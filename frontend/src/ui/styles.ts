/** The style switcher: search, the collection's own styles, and the rest of the library by domain. */

import type { StyleInfo } from "../api";
import { strings } from "../strings";
import { groupStyles, searchStyles, type LibraryStyle, type StyleGroup } from "../stylelist";
import { button, el, section } from "./dom";

export interface StyleSwitcher {
  readonly element: HTMLElement;
  /** `chosen` is null while a formula stands in for the style. */
  update(own: readonly StyleInfo[], chosen: string | null): void;
  /** Everything that the collection can show; null while not asked for, a text when that failed. */
  library(styles: readonly LibraryStyle[] | string | null): void;
  /** Sets the previews; `address` gives a style's picture, null takes the previews away. */
  preview(address: ((style: string) => string) | null): void;
}

export interface StyleActions {
  choose(id: string): void;
  /** The library is wanted. */
  browse(): void;
}

class Switcher implements StyleSwitcher {
  readonly element: HTMLElement;
  private own: readonly StyleInfo[] = [];
  private all: readonly LibraryStyle[] | null = null;
  private failure = "";
  private chosen: string | null = null;
  private expanded = false;
  private drawn = "";
  private address: ((style: string) => string) | null = null;
  private readonly visible = new Set<HTMLImageElement>();
  private readonly search = el("input", {
    class: "field style-search",
    testid: "style-search",
    attrs: {
      type: "search",
      placeholder: strings.searchStyles,
      "aria-label": strings.searchStyles,
      autocomplete: "off",
      spellcheck: "false",
    },
    on: {
      input: () => this.searched(),
      keydown: (event) => this.onKey(event as KeyboardEvent),
    },
  });
  private readonly list = el("div", {
    class: "style-list",
    attrs: { role: "radiogroup", "aria-label": strings.styles },
  });
  private readonly note = el("p", { class: "hint", attrs: { role: "status" } });
  private readonly description = el("p", { class: "hint style-description" });
  private readonly more = button(strings.allStyles, () => this.toggle(), "wide");
  private readonly watcher = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const picture = target as HTMLImageElement;
      if (isIntersecting) this.visible.add(picture);
      else this.visible.delete(picture);
      if (isIntersecting) this.draw(picture);
    }
  });

  constructor(private readonly actions: StyleActions) {
    this.more.dataset["testid"] = "all-styles";
    this.element = section(
      strings.styles,
      "style-switcher",
      this.search,
      this.list,
      this.note,
      this.description,
      this.more,
    );
  }

  update(own: readonly StyleInfo[], chosen: string | null): void {
    // The previews of another collection's styles would be asked for by wrong addresses.
    if (own !== this.own) this.address = null;
    this.own = own;
    this.chosen = chosen;
    this.element.hidden = own.length === 0;
    this.render();
  }

  library(styles: readonly LibraryStyle[] | string | null): void {
    this.failure = typeof styles === "string" ? styles : "";
    this.all = typeof styles === "string" ? null : styles;
    this.render();
  }

  preview(address: ((style: string) => string) | null): void {
    this.address = address;
    for (const picture of this.list.querySelectorAll("img")) {
      if (address === null) clear(picture);
      else if (this.visible.has(picture)) this.draw(picture);
    }
  }

  private get wanted(): boolean {
    return this.expanded || this.search.value.trim() !== "";
  }

  private toggle(): void {
    this.expanded = !this.expanded;
    if (this.wanted) this.actions.browse();
    this.render();
  }

  private searched(): void {
    if (this.wanted) this.actions.browse();
    this.render();
  }

  /** From the search field down into the list, and Escape empties it. */
  private onKey(event: KeyboardEvent): void {
    if (event.key === "ArrowDown") this.list.querySelector<HTMLElement>("input")?.focus();
    else if (event.key === "Escape" && this.search.value !== "") {
      this.search.value = "";
      this.searched();
    } else return;
    event.preventDefault();
  }

  private get groups(): StyleGroup[] {
    const text = this.search.value.trim();
    if (text !== "" && this.all !== null) {
      return [{ domain: "", styles: searchStyles(this.all, text) }];
    }
    if (this.expanded && this.all !== null) return groupStyles(this.own, this.all);
    const other = this.all?.filter(({ id }) => id === this.chosen) ?? [];
    const listed = this.own.some(({ id }) => id === this.chosen);
    return [{ domain: "", styles: listed ? this.own : [...this.own, ...other] }];
  }

  private render(): void {
    const { groups } = this;
    const key = JSON.stringify(groups.map(({ domain, styles }) => [domain, styles.map(({ id }) => id)]));
    if (key !== this.drawn) {
      this.drawn = key;
      this.watcher.disconnect();
      this.visible.clear();
      this.list.replaceChildren(...groups.flatMap((group) => this.group(group)));
      for (const picture of this.list.querySelectorAll("img")) this.watcher.observe(picture);
    }
    for (const input of this.list.querySelectorAll("input")) {
      input.checked = input.value === this.chosen;
    }
    const known = [...this.own, ...(this.all ?? [])];
    this.description.textContent = known.find(({ id }) => id === this.chosen)?.description ?? "";
    this.note.textContent = this.noteText(groups);
    this.more.textContent = this.expanded ? strings.fewerStyles : strings.allStyles;
    this.more.setAttribute("aria-expanded", String(this.expanded));
    this.list.classList.toggle("long", this.wanted && this.all !== null);
  }

  private noteText(groups: readonly StyleGroup[]): string {
    if (this.failure !== "") return strings.stylesError(this.failure);
    if (!this.wanted) return "";
    if (this.all === null) return strings.loadingStyles;
    const count = groups.reduce((sum, { styles }) => sum + styles.length, 0);
    return strings.styleCount(count);
  }

  private group({ domain, styles }: StyleGroup): HTMLElement[] {
    const grid = el("div", { class: "styles" }, ...styles.map((style) => this.card(style)));
    return domain === "" ? [grid] : [el("h3", {}, strings.domain(domain)), grid];
  }

  private card(style: StyleInfo): HTMLElement {
    const id = `style-${style.id}`;
    const input = el("input", {
      class: "visually-hidden",
      attrs: { type: "radio", name: "style", id, value: style.id },
      on: { change: () => this.actions.choose(style.id) },
    });
    const picture = el("img", {
      class: "style-preview",
      attrs: { alt: "", width: 128, height: 56, decoding: "async", fetchpriority: "low" },
    });
    picture.dataset["style"] = style.id;
    picture.addEventListener("load", () => picture.classList.add("ready"));
    picture.addEventListener("error", () => picture.classList.remove("ready"));
    return el(
      "div",
      { class: "style", testid: `style-${style.id}` },
      input,
      el(
        "label",
        { attrs: { for: id, title: `${style.title}\n${style.description}`.trim() } },
        el("span", { class: "style-frame" }, picture),
        el("span", { class: "style-title" }, style.title),
      ),
    );
  }

  private draw(picture: HTMLImageElement): void {
    const source = this.address?.(picture.dataset["style"] ?? "");
    if (source !== undefined && picture.getAttribute("src") !== source) picture.src = source;
  }
}

function clear(picture: HTMLImageElement): void {
  picture.removeAttribute("src");
  picture.classList.remove("ready");
}

export function createStyleSwitcher(actions: StyleActions): StyleSwitcher {
  return new Switcher(actions);
}
