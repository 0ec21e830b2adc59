/** What to say when the map has nothing to show, or when something failed; all pure. */

import type { ApiError, Bbox, Collection, DateEntry } from "./api";
import { neighbours } from "./dates";
import { strings } from "./strings";
import type { Message } from "./ui/status";
import { hasTime, intersects } from "./view";

export interface Situation {
  readonly collection: Collection;
  readonly date: string | null;
  readonly dates: readonly DateEntry[];
  /** False while dates are being asked for: then nothing is said about them. */
  readonly datesKnown: boolean;
  readonly boxes: readonly Bbox[];
  readonly zoom: number;
  readonly go: () => void;
  readonly choose: (date: string) => void;
}

type Place = Pick<Situation, "collection" | "boxes" | "zoom" | "go">;

/** Whether the map looks elsewhere or from too far; null when the collection's place is in view. */
export function outOfView({ collection, boxes, zoom, go }: Place): Message | null {
  const { title } = collection;
  const actions = [{ label: strings.goThere, run: go }];
  if (!boxes.some((box) => intersects(box, collection.bbox))) {
    return { kind: "outside", title: strings.outside(title), text: "", actions };
  }
  if (zoom <= collection.min_zoom - 1) {
    return { kind: "zoom", title: strings.zoomedOut(title), text: "", actions };
  }
  return null;
}

/** Why nothing of the collection is on the map; null when there is something. */
export function placeMessage(situation: Situation): Message | null {
  const elsewhere = outOfView(situation);
  if (elsewhere !== null) return elsewhere;
  return hasTime(situation.collection) && situation.datesKnown ? dateMessage(situation) : null;
}

function dateMessage({ collection, date, dates, go, choose }: Situation): Message | null {
  if (dates.length === 0) {
    return {
      kind: "empty",
      title: strings.noDates,
      text: strings.noDatesHint(collection.title),
      actions: [{ label: strings.goThere, run: go }],
    };
  }
  if (date === null || dates.some((entry) => entry.date === date)) return null;
  const { previous, next } = neighbours(dates, date);
  return {
    kind: "empty",
    title: strings.empty(date),
    text: strings.emptyHint,
    actions: [previous, next]
      .filter((entry) => entry !== null)
      .map((entry) => ({ label: strings.day(entry.date), run: () => choose(entry.date) })),
  };
}

export function loadErrorMessage(error: ApiError, ofDates: boolean, retry: () => void): Message {
  const actions = [{ label: strings.retry, run: retry }];
  if (error.unreachable) {
    return { kind: "error", title: strings.unreachable, text: strings.unreachableHint, actions };
  }
  const title = ofDates ? strings.datesError : strings.serverError;
  return { kind: "error", title, text: error.message, actions };
}

export function tilesMessage(count: number, error: ApiError | null, retry: () => void): Message {
  const unreachable = error?.unreachable === true;
  return {
    kind: "error",
    title: unreachable ? strings.unreachable : strings.tilesError(count),
    text: unreachable ? strings.unreachableHint : (error?.message ?? ""),
    actions: [{ label: strings.retry, run: retry }],
  };
}
