/** Cuts two layers at a vertical line, so that one shows on its left and one on its right. */

import type BaseLayer from "ol/layer/Layer";
import { getRenderPixel } from "ol/render";
import type RenderEvent from "ol/render/Event";

export class Swipe {
  /** Share of the map's width, 0 to 1; null shows the left layer everywhere. */
  private split: number | null = null;

  constructor(left: BaseLayer, right: BaseLayer) {
    this.cut(left, false);
    this.cut(right, true);
  }

  set(split: number | null): void {
    this.split = split;
  }

  private cut(layer: BaseLayer, right: boolean): void {
    layer.on("prerender", (event) => this.clip(event, right));
    layer.on("postrender", ({ context }) => {
      if (context instanceof CanvasRenderingContext2D) context.restore();
    });
  }

  private clip(event: RenderEvent, right: boolean): void {
    const { context, frameState } = event;
    if (!(context instanceof CanvasRenderingContext2D)) {
      throw new TypeError("The swipe cuts layers on 2D canvases only");
    }
    context.save();
    if (this.split === null || frameState === undefined) return;
    const [width = 0, height = 0] = frameState.size;
    const line = width * this.split;
    const [from, to] = right ? [line, width] : [0, line];
    const corners = [
      [from, 0],
      [to, 0],
      [to, height],
      [from, height],
    ].map((corner) => getRenderPixel(event, corner));
    context.beginPath();
    for (const [x = 0, y = 0] of corners) context.lineTo(x, y);
    context.closePath();
    context.clip();
  }
}
