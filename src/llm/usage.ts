/** Token usage that model servers report in their answers (epp.md 5.9). */

/** Tokens of one request. */
export interface Usage {
  readonly promptTokens?: number;
  readonly completionTokens?: number;
  readonly cachedTokens?: number;
}

/** A usage object, not the `"usage":null` of every other event. */
const usageKeys = [Buffer.from('"usage":{'), Buffer.from('"usage": {')];
const data = Buffer.from('data:');
const newline = 0x0a;
/** A longer line of a stream is not looked at. */
const maxLineBytes = 256 * 1024;

/** Usage of a whole JSON answer; undefined when it is none or has none. */
export function usageOfJson(body: Buffer): Usage | undefined {
  if (!usageKeys.some((key) => body.includes(key))) return undefined;
  try {
    return usageOf(JSON.parse(body.toString()));
  } catch {
    return undefined;
  }
}

/** Looks for usage in server-sent events as they pass; the last one counts. */
export class EventUsage {
  usage: Usage | undefined;
  /** The line that has not ended yet. */
  #line: Buffer | undefined;

  push(chunk: Buffer): void {
    const bytes = this.#line === undefined ? chunk : Buffer.concat([this.#line, chunk]);
    const end = bytes.lastIndexOf(newline) + 1;
    this.#line = end === bytes.length || bytes.length - end > maxLineBytes ? undefined : bytes.subarray(end);
    for (let before = end; before > 0;) {
      const at = lastUsage(bytes.subarray(0, before));
      if (at < 0) return;
      const start = bytes.lastIndexOf(newline, at) + 1;
      const found = usageOfLine(bytes.subarray(start, bytes.indexOf(newline, at)));
      if (found !== undefined) {
        this.usage = found;
        return;
      }
      before = start;
    }
  }

  /** At the end of the stream: the last line may have no end. */
  finish(): Usage | undefined {
    if (this.#line !== undefined) this.usage = usageOfLine(this.#line) ?? this.usage;
    return this.usage;
  }
}

const lastUsage = (bytes: Buffer): number => Math.max(...usageKeys.map((key) => bytes.lastIndexOf(key)));

function usageOfLine(line: Buffer): Usage | undefined {
  return line.subarray(0, data.length).equals(data) ? usageOfJson(line.subarray(data.length)) : undefined;
}

/** `usage` of an answer, or of the `response` of an event of the Responses API. */
function usageOf(answer: unknown): Usage | undefined {
  const usage = member(answer, 'usage') ?? member(member(answer, 'response'), 'usage');
  const promptTokens = count(usage, 'prompt_tokens') ?? count(usage, 'input_tokens');
  const completionTokens = count(usage, 'completion_tokens') ?? count(usage, 'output_tokens');
  if (promptTokens === undefined && completionTokens === undefined) return undefined;
  // One reference implementation reads the second name, OpenAI writes the first (epp.md 13.29).
  const details =
    member(usage, 'prompt_tokens_details') ??
    member(usage, 'prompt_token_details') ??
    member(usage, 'input_tokens_details');
  const cachedTokens = count(details, 'cached_tokens');
  return {
    ...(promptTokens === undefined ? {} : { promptTokens }),
    ...(completionTokens === undefined ? {} : { completionTokens }),
    ...(cachedTokens === undefined ? {} : { cachedTokens }),
  };
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const found: unknown = Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
  return found === null ? undefined : found;
}

function count(value: unknown, key: string): number | undefined {
  const found = member(value, key);
  return typeof found === 'number' && Number.isFinite(found) && found >= 0 ? found : undefined;
}

/** Larger JSON answers are passed on as they come; their usage is not read. */
const maxHeldBytes = 8 * 1024 * 1024;

/** Looks for usage in an answer as it passes: a stream of events or one JSON document, by its content type. */
export class UsageReader {
  #events: EventUsage | undefined;
  #json: Buffer[] | undefined;
  #bytes = 0;

  begin(contentType: string | undefined): void {
    if (contentType?.includes('text/event-stream') === true) this.#events = new EventUsage();
    else if (contentType?.includes('json') === true) this.#json = [];
  }

  push(chunk: Buffer): void {
    this.#events?.push(chunk);
    if (this.#json === undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes > maxHeldBytes) this.#json = undefined;
    else this.#json.push(chunk);
  }

  /** At the end of the answer. */
  finish(): Usage | undefined {
    if (this.#events !== undefined) return this.#events.finish();
    return this.#json === undefined ? undefined : usageOfJson(Buffer.concat(this.#json));
  }
}
