import { isJsonObject } from '../llm/server/http.ts';

/** Which Bedrock event a JSON payload is, by the key that only it has; the order decides where several match. */
const eventTypes: readonly (readonly [key: string, eventType: string])[] = [
  ['role', 'messageStart'],
  ['start', 'contentBlockStart'],
  ['delta', 'contentBlockDelta'],
  ['stopReason', 'messageStop'],
  ['usage', 'metadata'],
  ['contentBlockIndex', 'contentBlockStop'],
];

/** The `:event-type` of a line of JSON; undefined when no key tells. */
export function bedrockEventType(line: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return isJsonObject(value) ? eventTypes.find(([key]) => Object.hasOwn(value, key))?.[1] : undefined;
}
