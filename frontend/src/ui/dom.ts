/** Small helpers to build elements without HTML strings, which the page's CSP would not style. */

type Child = Node | string | null;

export interface Props {
  readonly class?: string;
  readonly testid?: string;
  readonly attrs?: Readonly<Record<string, string | number | boolean>>;
  readonly on?: Readonly<Record<string, (event: Event) => void>>;
}

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (props.class !== undefined) element.className = props.class;
  if (props.testid !== undefined) element.dataset["testid"] = props.testid;
  for (const [name, value] of Object.entries(props.attrs ?? {})) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false) element.setAttribute(name, String(value));
  }
  for (const [name, listener] of Object.entries(props.on ?? {})) {
    element.addEventListener(name, listener);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Stroked 20 x 20 drawings. */
const ICONS = {
  left: "M12.5 4.5 7 10l5.5 5.5",
  right: "M7.5 4.5 13 10l-5.5 5.5",
  up: "M4.5 12.5 10 7l5.5 5.5",
  down: "M4.5 7.5 10 13l5.5-5.5",
  target: "M10 2.5v3M10 14.5v3M2.5 10h3M14.5 10h3M10 5.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9Z",
  copy: "M7.5 7.5V4.2c0-.4.3-.7.7-.7h7.6c.4 0 .7.3.7.7v7.6c0 .4-.3.7-.7.7h-3.3M4.2 7.5h7.6c.4 0 .7.3.7.7v7.6c0 .4-.3.7-.7.7H4.2a.7.7 0 0 1-.7-.7V8.2c0-.4.3-.7.7-.7Z",
  close: "m5 5 10 10M15 5 5 15",
  check: "m4.5 10.5 3.7 3.7 7.3-8",
  cloud: "M6 15.5a3.5 3.5 0 0 1-.4-7 4.7 4.7 0 0 1 9-.2A3.6 3.6 0 0 1 14 15.5Z",
  alert: "M10 6.5v4.2M10 13.6v.1M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Z",
  info: "M10 9.2v4.6M10 6.3v.1M10 2.5a7.5 7.5 0 1 1 0 15 7.5 7.5 0 0 1 0-15Z",
} as const;

export type IconName = keyof typeof ICONS;

export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows only an icon; the label is read out and shown as its tooltip. */
export function iconButton(
  name: IconName,
  label: string,
  onClick: () => void,
  extra = "",
): HTMLButtonElement {
  return el(
    "button",
    {
      class: `icon-button ${extra}`.trim(),
      attrs: { type: "button", "aria-label": label, title: label },
      on: { click: onClick },
    },
    icon(name),
  );
}

export function button(label: string, onClick: () => void, extra = ""): HTMLButtonElement {
  return el(
    "button",
    { class: `button ${extra}`.trim(), attrs: { type: "button" }, on: { click: onClick } },
    label,
  );
}

/** A titled part of the panel. */
export function section(title: string, testid: string, ...children: Child[]): HTMLElement {
  const id = `section-${testid}`;
  return el(
    "section",
    { class: "section", testid, attrs: { "aria-labelledby": id } },
    el("h2", { attrs: { id } }, title),
    ...children,
  );
}
