import { Fragment } from "react";
import type { DeskRecord, Kind } from "./kind";

/** What is known of a record beside its text. */
export function Facts<R extends DeskRecord>({ kind, record }: { kind: Kind<R>; record: R }) {
  return (
    <dl className="facts">
      {kind
        .facts(record)
        .filter(([, content]) => content !== null)
        .map(([title, content]) => (
          <Fragment key={title}>
            <dt>{title}</dt>
            <dd>{content}</dd>
          </Fragment>
        ))}
    </dl>
  );
}
