import { isJsonObject, type JsonObject } from '../../llm/server/http.ts';
import { refusal, type Turn } from '../../llm/server/requests.ts';

/** Tools that a request offers, and which of them the simulated model calls. */

export interface Tool {
  readonly name: string;
  /** JSON Schema of the arguments. */
  readonly parameters: unknown;
}

/** `auto` leaves it to the model. */
export type ToolChoice = 'auto' | 'none' | 'required' | { readonly name: string };

export interface Offer {
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice;
  readonly parallel: boolean;
}

/** Results of tools, as the three APIs are read into turns. */
export const toolRole = 'tool';

/**
 * What is called. By itself the model calls the tools that the user's last message names, else the first one, and answers in text
 * once a result is there, so that an agent's loop ends.
 */
export function callsOf({ tools, choice, parallel }: Offer, turns: readonly Turn[]): readonly Tool[] {
  if (tools.length === 0 || choice === 'none') return [];
  if (typeof choice === 'object') return tools.filter(({ name }) => name === choice.name);
  if (choice === 'auto' && turns.at(-1)?.role === toolRole) return [];
  const asked = turns.findLast(({ role }) => role === 'user')?.text ?? '';
  const named = tools.filter(({ name }) => asked.includes(name));
  return (named.length > 0 ? named : tools).slice(0, parallel && named.length > 0 ? named.length : 1);
}

/** Chat completions: `{type: "function", function: {name, parameters}}`. @throws HttpError 400 naming the field */
export function parseChatTools(body: JsonObject): Offer {
  const tools = listOf(body, 'tools').map((tool, at) => {
    const field = `tools[${String(at)}]`;
    const declared = isJsonObject(tool) ? tool['function'] : undefined;
    if (!isJsonObject(declared)) throw refusal(field, 'only {"type":"function","function":{...}} is supported here');
    return parseTool(declared, `${field}.function`, 'parameters');
  });
  return offer(
    body,
    tools,
    parseOpenAiChoice(body['tool_choice'], (choice) => choice['function']),
  );
}

/** Responses: `{type: "function", name, parameters}`. @throws HttpError 400 naming the field */
export function parseResponsesTools(body: JsonObject): Offer {
  const tools = listOf(body, 'tools').map((tool, at) => {
    const field = `tools[${String(at)}]`;
    if (!isJsonObject(tool) || tool['type'] !== 'function') {
      throw refusal(field, 'only tools of type "function" are supported by this server');
    }
    return parseTool(tool, field, 'parameters');
  });
  return offer(
    body,
    tools,
    parseOpenAiChoice(body['tool_choice'], (choice) => choice),
  );
}

/** Messages: `{name, input_schema}`. @throws HttpError 400 naming the field */
export function parseMessagesTools(body: JsonObject): Offer {
  const tools = listOf(body, 'tools').map((tool, at) => {
    const field = `tools[${String(at)}]`;
    if (!isJsonObject(tool)) throw refusal(field, 'an object expected');
    if (tool['type'] !== undefined && tool['type'] !== 'custom') {
      throw refusal(
        `${field}.type`,
        `only tools of the client are supported by this server, got ${JSON.stringify(tool['type'])}`,
      );
    }
    return parseTool(tool, field, 'input_schema');
  });
  const choice = body['tool_choice'];
  const parallel = !isJsonObject(choice) || choice['disable_parallel_tool_use'] !== true;
  return { tools, choice: known(parseAnthropicChoice(choice), tools), parallel };
}

function offer(body: JsonObject, tools: Tool[], choice: ToolChoice): Offer {
  return { tools, choice: known(choice, tools), parallel: body['parallel_tool_calls'] !== false };
}

function parseTool(declared: JsonObject, field: string, parameters: string): Tool {
  const name = declared['name'];
  if (typeof name !== 'string' || name === '') throw refusal(`${field}.name`, 'the name of a function expected');
  return { name, parameters: declared[parameters] ?? {} };
}

function parseOpenAiChoice(choice: unknown, named: (choice: JsonObject) => unknown): ToolChoice {
  if (choice === undefined || choice === null) return 'auto';
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice;
  const target = isJsonObject(choice) && choice['type'] === 'function' ? named(choice) : undefined;
  const name = isJsonObject(target) ? target['name'] : undefined;
  if (typeof name === 'string') return { name };
  throw refusal('tool_choice', `"auto", "none", "required" or a function expected, got ${JSON.stringify(choice)}`);
}

function parseAnthropicChoice(choice: unknown): ToolChoice {
  if (choice === undefined || choice === null) return 'auto';
  if (isJsonObject(choice)) {
    const { type, name } = choice;
    if (type === 'auto' || type === 'none') return type;
    if (type === 'any') return 'required';
    if (type === 'tool' && typeof name === 'string') return { name };
  }
  throw refusal('tool_choice', `a type of auto, any, none or tool with a name expected, got ${JSON.stringify(choice)}`);
}

function known(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  if (choice === 'required' && tools.length === 0) throw refusal('tool_choice', '"required" without any tools');
  if (typeof choice === 'object' && !tools.some(({ name }) => name === choice.name)) {
    throw refusal('tool_choice', `there is no tool named ${JSON.stringify(choice.name)}`);
  }
  return choice;
}

function listOf(body: JsonObject, field: string): unknown[] {
  const value = body[field] ?? [];
  if (!Array.isArray(value)) throw refusal(field, 'a list expected');
  return value;
}
