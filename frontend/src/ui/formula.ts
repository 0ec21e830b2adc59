/** The formula panel: a typed expression with completion, its colours, and what is wrong with it. */

import type { BandInfo, Collection } from "../api";
import {
  COLORMAPS,
  complete,
  completions,
  faultColumn,
  valueCount,
  type Completion,
  type Completions,
} from "../formula";
import { strings } from "../strings";
import type { Formula } from "../view";
import { button, el, icon } from "./dom";

export interface FormulaPanel {
  readonly element: HTMLDetailsElement;
  update(collection: Collection | null, formula: Formula | null): void;
  /** What the server says is wrong; "" takes it away. */
  fault(message: string): void;
}

export interface FormulaActions {
  /** A formula as typed, some time after the last key; the server has not seen it yet. */
  write(formula: Formula): void;
  /** Back to the style. */
  clear(): void;
}

/** How long nothing is typed before the formula is tried. */
const PAUSE_MS = 450;

class Panel implements FormulaPanel {
  readonly element: HTMLDetailsElement;
  private bands: readonly BandInfo[] = [];
  private found: Completions | null = null;
  private active = 0;
  private timer = 0;
  private shown: string | null = null;
  private readonly input = el("textarea", {
    class: "field code",
    testid: "formula",
    attrs: {
      rows: 2,
      id: "formula",
      maxlength: 2000,
      spellcheck: "false",
      autocapitalize: "off",
      autocomplete: "off",
      placeholder: strings.formulaExample,
      role: "combobox",
      "aria-label": strings.formula,
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": "formula-names",
      "aria-describedby": "formula-fault",
    },
  });
  private readonly list = el("ul", {
    class: "completions surface",
    testid: "completions",
    attrs: { id: "formula-names", role: "listbox", "aria-label": strings.names, hidden: true },
  });
  private readonly faultText = el("p", {
    class: "fault",
    testid: "formula-fault",
    attrs: { id: "formula-fault", role: "alert" },
  });
  private readonly colormap = el("select", {
    class: "field",
    testid: "formula-colormap",
    attrs: { "aria-label": strings.colormap },
    on: { change: () => this.submit() },
  });
  private readonly low = this.number(strings.low, "formula-low");
  private readonly high = this.number(strings.high, "formula-high");
  private readonly chips = el("div", { class: "chips", attrs: { "aria-label": strings.bands } });
  private readonly ramp = el("div", { class: "formula-ramp" }, this.colormap);
  private readonly clearButton = button(strings.clearFormula, () => this.clear(), "quiet");

  constructor(private readonly actions: FormulaActions) {
    this.input.addEventListener("input", () => {
      this.suggest();
      this.wait();
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => this.close());
    this.element = el(
      "details",
      { class: "section use formula", testid: "formula-panel" },
      el("summary", {}, el("h2", {}, strings.formula), icon("down")),
      el(
        "div",
        { class: "formula-body" },
        el("div", { class: "formula-field" }, this.input, this.list),
        this.faultText,
        this.chips,
        el("div", { class: "formula-colours" }, this.ramp, this.low, this.high),
        el("p", { class: "hint" }, strings.formulaHint),
        this.clearButton,
      ),
    );
  }

  update(collection: Collection | null, formula: Formula | null): void {
    this.element.hidden = collection === null || collection.bands.length === 0;
    if (collection !== null && collection.bands !== this.bands) this.setBands(collection.bands);
    this.clearButton.disabled = formula === null;
    const key = JSON.stringify(formula);
    if (key === this.shown) return;
    this.shown = key;
    this.fault("");
    if (formula === null) {
      this.showColormap(null);
      return;
    }
    this.element.open = true;
    if (this.input.value.trim() !== formula.expression) this.input.value = formula.expression;
    this.showColormap(formula.colormap);
    this.low.value = formula.range === null ? "" : String(formula.range[0]);
    this.high.value = formula.range === null ? "" : String(formula.range[1]);
  }

  fault(message: string): void {
    this.input.setAttribute("aria-invalid", String(message !== ""));
    this.faultText.replaceChildren();
    if (message === "") return;
    const text = this.input.value.trim();
    const column = faultColumn(message, text);
    if (column !== null) this.faultText.append(pointer(text, column));
    this.faultText.append(message);
  }

  private number(label: string, testid: string): HTMLInputElement {
    return el("input", {
      class: "field",
      testid,
      attrs: { type: "number", step: "any", placeholder: label, "aria-label": label },
      on: { change: () => this.submit() },
    });
  }

  private setBands(bands: readonly BandInfo[]): void {
    this.bands = bands;
    const chip = ({ name, common_name, title }: BandInfo): HTMLElement => {
      const word = common_name === "" ? name : common_name;
      const insert = button(word, () => this.insert(word), "chip");
      insert.title = [name, title].filter(Boolean).join(" · ");
      return insert;
    };
    this.chips.replaceChildren(...bands.map(chip));
  }

  /** Writes a word at the cursor, in place of what is selected. */
  private insert(word: string): void {
    this.input.setRangeText(word, this.input.selectionStart, this.input.selectionEnd, "end");
    this.input.focus();
    this.wait();
  }

  private showColormap(chosen: string | null): void {
    const name = chosen ?? this.colormap.value;
    const names: string[] = [...COLORMAPS];
    if (chosen !== null && !names.includes(chosen)) names.unshift(chosen);
    if (this.colormap.options.length !== names.length) {
      this.colormap.replaceChildren(
        ...names.map((value) => el("option", { attrs: { value } }, value)),
      );
    }
    this.colormap.value = name === "" ? "viridis" : name;
  }

  private clear(): void {
    window.clearTimeout(this.timer);
    this.fault("");
    this.actions.clear();
  }

  private wait(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.submit(), PAUSE_MS);
  }

  private submit(): void {
    window.clearTimeout(this.timer);
    const expression = this.input.value.trim();
    if (expression === "") {
      this.clear();
      return;
    }
    const [low, high] = [this.low.value, this.high.value];
    const empty = low === "" && high === "";
    if (!empty && !(low !== "" && high !== "" && Number(low) < Number(high))) {
      this.fault(strings.badRange);
      return;
    }
    const single = valueCount(expression) === 1;
    this.colormap.disabled = !single;
    this.actions.write({
      expression,
      range: empty ? null : [Number(low), Number(high)],
      colormap: single ? this.colormap.value : null,
    });
  }

  private suggest(): void {
    const { value, selectionStart } = this.input;
    this.found = completions(value, selectionStart, this.bands);
    this.active = 0;
    this.renderList();
  }

  private close(): void {
    this.found = null;
    this.renderList();
  }

  private renderList(): void {
    const list = this.found?.list ?? [];
    this.list.hidden = list.length === 0;
    this.input.setAttribute("aria-expanded", String(list.length > 0));
    this.list.replaceChildren(...list.map((entry, index) => this.option(entry, index)));
    if (list.length === 0) this.input.removeAttribute("aria-activedescendant");
    else this.input.setAttribute("aria-activedescendant", `formula-name-${this.active}`);
  }

  private option(entry: Completion, index: number): HTMLElement {
    return el(
      "li",
      {
        attrs: {
          role: "option",
          id: `formula-name-${index}`,
          "aria-selected": String(index === this.active),
        },
        on: {
          // Before the field loses the focus, which closes the list.
          pointerdown: (event) => {
            event.preventDefault();
            this.take(entry);
          },
        },
      },
      el("span", {}, entry.label),
      el("span", { class: "completion-hint" }, entry.hint),
    );
  }

  private take(entry: Completion): void {
    if (this.found === null) return;
    const { text, cursor } = complete(this.input.value, this.found, entry);
    this.input.value = text;
    this.input.setSelectionRange(cursor, cursor);
    this.close();
    this.wait();
  }

  private onKey(event: KeyboardEvent): void {
    const list = this.found?.list ?? [];
    const chosen = list[this.active];
    if (chosen === undefined) {
      if (event.key !== "Enter" || event.shiftKey) return;
      event.preventDefault();
      this.submit();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : list.length - 1;
      this.active = (this.active + step) % list.length;
      this.renderList();
    } else if (event.key === "Enter" || event.key === "Tab") this.take(chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
  }
}

/** The formula again with its faulty place marked, cut so that the place is in view. */
function pointer(text: string, column: number): HTMLElement {
  const before = text.slice(0, column - 1);
  const at = text.charAt(column - 1);
  return el(
    "code",
    { class: "fault-place", attrs: { "aria-hidden": "true" } },
    before.length > 24 ? `…${before.slice(-23)}` : before,
    el("mark", {}, at === "" ? " " : at),
    text.slice(column, column + 12),
  );
}

export function createFormulaPanel(actions: FormulaActions): FormulaPanel {
  return new Panel(actions);
}
