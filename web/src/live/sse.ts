/** One event of a server-sent stream. */
export interface SseEvent {
  id: string;
  event: string;
  data: string;
}

/**
 * Reads the text of a stream, whatever pieces it comes in.
 * A browser's own EventSource needs each event's name beforehand, and does not tell why it was refused.
 */
export class SseParser {
  #rest = "";
  #event = "message";
  #data: string[] = [];
  id = "";
  retry = 3000;

  push(text: string): SseEvent[] {
    const found: SseEvent[] = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.#data.length > 0) found.push({ id: this.id, event: this.#event, data: this.#data.join("\n") });
        this.#event = "message";
        this.#data = [];
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment, which is how a stream shows that it lives
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "event") this.#event = value;
      else if (field === "data") this.#data.push(value);
      else if (field === "id") this.id = value;
      else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
    }
    return found;
  }
}
