import { ApiProblem } from "@/api/problem";

type Content = Readonly<Record<string, unknown>>;

const same = (one: unknown, other: unknown) => JSON.stringify(one ?? "") === JSON.stringify(other ?? "");

/** What others wrote since, of what is about to be written: other than it was before, and other than what is wanted now. */
export const meanwhile = (before: object, wanted: Content, present: object): Content =>
  Object.fromEntries(
    Object.keys(wanted)
      .map((name) => [name, (present as Content)[name]] as const)
      .filter(([name, theirs]) => !same(theirs, (before as Content)[name]) && !same(theirs, wanted[name])),
  );

/** Somebody else wrote the same fields: who goes on from `present` writes over it knowingly. */
export class Conflict extends ApiProblem {
  readonly present: object;
  readonly theirs: Content;

  constructor(problem: ApiProblem, present: object, theirs: Content) {
    super(problem.document);
    this.name = "Conflict";
    this.present = present;
    this.theirs = theirs;
  }
}
