/** What went wrong (RFC 9457), as the gateway tells it. */
export interface ProblemDocument {
  type: string;
  title: string;
  status: number;
  detail: string;
  reason: string;
  requestId: string;
  traceId: string;
  errors: { pointer: string; message: string }[];
  etag?: string;
  permission?: string;
}

/** An answer that is no success. */
export class ApiProblem extends Error {
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(document.detail || document.title);
    this.name = "ApiProblem";
    this.document = document;
  }

  get status() {
    return this.document.status;
  }

  /** What is wrong with one field of the body; empty when nothing is. */
  field(name: string): string {
    return this.document.errors.find((error) => error.pointer === `/${name}`)?.message ?? "";
  }
}

/** Whether the same request may work later: what a service refuses it refuses again; what does not answer may answer soon. */
export const mayPass = (error: unknown) => !(error instanceof ApiProblem && error.status < 500);

const NOWHERE: ProblemDocument = {
  type: "urn:itsm:problem:dependency",
  title: "",
  status: 0,
  detail: "",
  reason: "UNREACHABLE",
  requestId: "",
  traceId: "",
  errors: [],
};

/** Any failure as a problem, so that each is shown in the same way. */
export function asProblem(error: unknown): ProblemDocument {
  if (error instanceof ApiProblem) return error.document;
  return { ...NOWHERE, detail: error instanceof Error ? error.message : String(error) };
}

/** The problem that an answer holds; one of our own making where a proxy answered in our place. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const text = await response.text();
  if (response.headers.get("content-type")?.startsWith("application/problem+json")) {
    return new ApiProblem({ ...NOWHERE, ...(JSON.parse(text) as ProblemDocument) });
  }
  const requestId = response.headers.get("x-request-id") ?? "";
  return new ApiProblem({ ...NOWHERE, status: response.status, title: response.statusText, reason: "FOREIGN", requestId });
}
