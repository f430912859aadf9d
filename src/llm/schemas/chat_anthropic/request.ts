import { defined, isObject, listOf, numberOf, objectOf, textOf, type JsonObject } from '../../json.ts';
import { UnprocessableRequest, type ClientCall } from '../translator.ts';
import { assistantBlocks, cached, systemBlocks, toolResult, userBlocks } from './content.ts';

/** An OpenAI chat as a request of Anthropic's Messages API, without what the backend's path says (aigateway.md 4.5). */
export function messagesRequest({ body, model }: Pick<ClientCall, 'body' | 'model'>): JsonObject {
  const { system, messages } = conversation(listOf(body['messages']));
  return defined({
    max_tokens: numberOf(body['max_completion_tokens']) ?? numberOf(body['max_tokens']) ?? 0,
    system: system.length === 0 ? undefined : system,
    messages,
    temperature: temperatureOf(body['temperature']),
    top_p: body['top_p'],
    stop_sequences: stopsOf(body['stop']),
    ...toolsOf(body),
    output_config: outputConfig(body, model),
    thinking: thinkingOf(body['thinking']),
  });
}

function conversation(given: readonly unknown[]): { system: JsonObject[]; messages: JsonObject[] } {
  const system: JsonObject[] = [];
  const messages: { role: 'user' | 'assistant'; content: JsonObject[] }[] = [];
  let previous: unknown;
  for (const [at, entry] of given.entries()) {
    const message = objectOf(entry);
    const { role, content } = message;
    const param = `messages[${at}]`;
    if (role === 'system' || role === 'developer') system.push(...systemBlocks(content));
    else if (role === 'user') messages.push({ role, content: userBlocks(content, `${param}.content`) });
    else if (role === 'assistant') messages.push({ role, content: assistantBlocks(message, param) });
    else if (role === 'tool') {
      const result = toolResult(message, param);
      // Results that follow each other answer one turn of the assistant.
      if (previous === 'tool') messages.at(-1)?.content.push(result);
      else messages.push({ role: 'user', content: [result] });
    } else throw new UnprocessableRequest(`${param}.role`, `role ${JSON.stringify(role)} is not supported`);
    previous = role;
  }
  return { system, messages };
}

function temperatureOf(given: unknown): number | undefined {
  const temperature = numberOf(given);
  if (temperature === undefined || (temperature >= 0 && temperature <= 1)) return temperature;
  throw new UnprocessableRequest(
    'temperature',
    `temperature ${temperature.toFixed(2)} is not supported by Anthropic (must be between 0.0 and 1.0)`,
  );
}

function stopsOf(stop: unknown): readonly unknown[] | undefined {
  if (stop === undefined || stop === null) return undefined;
  return typeof stop === 'string' ? [stop] : listOf(stop);
}

function toolsOf(body: JsonObject): JsonObject {
  const tools = listOf(body['tools']);
  if (tools.length === 0) return {};
  return defined({ tools: tools.map(toolOf), tool_choice: toolChoice(body) });
}

function toolOf(given: unknown, at: number): JsonObject {
  const tool = objectOf(given);
  const declared = objectOf(tool['function']);
  if (tool['type'] !== 'function') {
    throw new UnprocessableRequest(
      `tools[${at}].type`,
      `tools of type ${JSON.stringify(tool['type'])} are not supported by Anthropic`,
    );
  }
  const parameters = objectOf(declared['parameters']);
  return defined({
    name: declared['name'],
    description: declared['description'],
    input_schema: { type: 'object', ...parameters },
    strict: declared['strict'] === true ? true : undefined,
    ...cached(tool),
    ...cached(declared),
  });
}

function toolChoice(body: JsonObject): JsonObject | undefined {
  const choice = body['tool_choice'];
  const parallel = body['parallel_tool_calls'];
  const limits = { disable_parallel_tool_use: parallel === undefined ? false : parallel !== true };
  if (choice === undefined || choice === null) return parallel === undefined ? undefined : { type: 'auto', ...limits };
  if (isObject(choice)) return { type: 'tool', name: objectOf(choice['function'])['name'], ...limits };
  if (choice === 'auto') return { type: 'auto', ...limits };
  if (choice === 'required' || choice === 'any') return { type: 'any', ...limits };
  if (choice === 'none') return { type: 'none' };
  throw new UnprocessableRequest('tool_choice', `tool_choice ${JSON.stringify(choice)} is not supported`);
}

const withSchemas = /opus-4-[5-8]|sonnet-4-[56]|haiku-4-5|sonnet-5|fable-5|mythos-(?:5|preview)/;
const withEffort = /opus-4-[5-8]|sonnet-4-6|sonnet-5|fable-5|mythos-(?:5|preview)/;
const efforts: readonly unknown[] = ['low', 'medium', 'high', 'xhigh', 'max'];

/** Structured output and effort, for the models that have them; others do not see them. */
function outputConfig(body: JsonObject, model: string): JsonObject | undefined {
  const format = objectOf(body['response_format']);
  const effort = body['reasoning_effort'];
  const config = defined({
    format:
      format['type'] === 'json_schema' && withSchemas.test(model)
        ? { type: 'json_schema', schema: objectOf(format['json_schema'])['schema'] }
        : undefined,
    effort: effort !== undefined && withEffort.test(model) ? effort : undefined,
  });
  if (config['effort'] !== undefined && !efforts.includes(config['effort'])) {
    throw new UnprocessableRequest(
      'reasoning_effort',
      `reasoning_effort ${JSON.stringify(effort)} is not supported by Anthropic`,
    );
  }
  return Object.keys(config).length === 0 ? undefined : config;
}

function thinkingOf(given: unknown): JsonObject | undefined {
  if (!isObject(given)) return undefined;
  const type = textOf(given['type']);
  if (type === 'enabled') return defined({ type, budget_tokens: given['budget_tokens'], display: given['display'] });
  if (type === 'adaptive') return defined({ type, display: given['display'] });
  return type === 'disabled' ? { type } : undefined;
}
