/** What a legend says, as the server's JSON has it, and how that becomes colours and words; pure. */

interface Tick {
  readonly value: number;
  readonly label: string;
}

export interface RampLegend {
  readonly kind: "ramp";
  readonly title: string;
  readonly unit: string;
  readonly range: readonly [number, number];
  readonly stops: readonly { readonly value: number; readonly color: string }[];
  readonly ticks: readonly Tick[];
}

export interface ClassLegend {
  readonly kind: "classes" | "flags";
  readonly title: string;
  readonly unit: string;
  readonly classes: readonly { readonly name: string; readonly color: string }[];
}

export interface ChannelLegend {
  readonly kind: "rgb";
  readonly title: string;
  readonly unit: string;
  readonly channels: readonly {
    readonly channel: string;
    readonly name: string;
    readonly range: readonly [number, number] | null;
  }[];
}

export type Legend = RampLegend | ClassLegend | ChannelLegend;

/** Where a value lies between the ends of a ramp, in percent. */
export function share(value: number, [low, high]: readonly [number, number]): number {
  return high === low ? 0 : ((value - low) / (high - low)) * 100;
}

/** The ramp's colours as a CSS gradient from left to right. */
export function gradient({ stops, range }: RampLegend): string {
  const parts = stops.map(
    ({ value, color }) => `${color} ${Number(share(value, range).toFixed(2))}%`,
  );
  return `linear-gradient(to right, ${parts.join(", ")})`;
}

/** At most `count` ticks, evenly left out, so that their labels do not run into one another. */
export function thinTicks(ticks: readonly Tick[], count: number): readonly Tick[] {
  const step = Math.max(1, Math.ceil(ticks.length / count));
  return ticks.filter((_, index) => index % step === 0);
}

/** Classes that are drawn at all: those of full transparency say nothing on a map. */
export function visibleClasses({ classes }: ClassLegend): ClassLegend["classes"] {
  return classes.filter(({ color }) => !/^#[0-9a-f]{6}00$/i.test(color));
}
