import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, describe, expect, it } from 'vitest';
import { sampleJson } from '../../src/simulator/jsonsample.ts';
import { startSimulator } from '../../src/simulator/vllm.ts';
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'silent' });
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function simulator(flags: string[] = []) {
  const program = await startSimulator(['--model', 'base', '--port', '0', '--seed', '1', ...flags], { env: {}, log });
  closers.push(() => program.close());
  return {
    openai: new OpenAI({ baseURL: `${program.url}/v1`, apiKey: 'none', maxRetries: 0 }),
    anthropic: new Anthropic({ baseURL: program.url, apiKey: 'none', maxRetries: 0 }),
  };
}

const parameters = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 2 } },
  required: ['city'],
};
const forecast = { type: 'function' as const, function: { name: 'get_forecast', parameters } };
const clock = { type: 'function' as const, function: { name: 'get_time', parameters: {} } };
const question = { role: 'user' as const, content: 'Will it rain?' };

describe('chat completions with tools', () => {
  it('call a tool, and answer in text once its result is there', async () => {
    const { openai } = await simulator();
    const request = { model: 'base', tools: [forecast], messages: [question] };
    const asked = (await openai.chat.completions.create(request)).choices[0];
    const call = asked?.message.tool_calls?.[0];
    if (asked === undefined || call?.type !== 'function') throw new Error('no call of a function');
    expect(asked.finish_reason).toBe('tool_calls');
    expect(call.function.name).toBe('get_forecast');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'simulated', days: 2 });
    const result = { role: 'tool' as const, tool_call_id: call.id, content: 'rain' };
    const said = await openai.chat.completions.create({ ...request, messages: [question, asked.message, result] });
    expect(said.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(said.choices[0]?.message.content).toContain('[simulated by headgate]');
  });

  it('stream the arguments in pieces that make the same call', async () => {
    const { openai } = await simulator();
    const stream = openai.chat.completions.stream({ model: 'base', tools: [forecast], messages: [question] });
    const final = (await stream.finalChatCompletion()).choices[0]?.message.tool_calls?.[0];
    if (final?.type !== 'function') throw new Error('no call of a function');
    expect(JSON.parse(final.function.arguments)).toEqual({ city: 'simulated', days: 2 });
  });

  it.each([
    ['none' as const, undefined],
    ['required' as const, 'get_forecast'],
    [{ type: 'function' as const, function: { name: 'get_time' } }, 'get_time'],
  ])('heed tool_choice %j', async (tool_choice, name) => {
    const { openai } = await simulator();
    const request = { model: 'base', tools: [forecast, clock], messages: [question], tool_choice };
    const call = (await openai.chat.completions.create(request)).choices[0]?.message.tool_calls?.[0];
    expect(call?.type === 'function' ? call.function.name : undefined).toBe(name);
  });

  it('call all tools that the user names, unless they may not be called in parallel', async () => {
    const { openai } = await simulator();
    const messages = [{ role: 'user' as const, content: 'use get_forecast and get_time' }];
    const request = { model: 'base', tools: [forecast, clock], messages };
    const names = async (body: object) =>
      (await openai.chat.completions.create({ ...request, ...body })).choices[0]?.message.tool_calls?.length;
    expect(await names({})).toBe(2);
    expect(await names({ parallel_tool_calls: false })).toBe(1);
  });

  it('refuse a tool that is not offered, and one that is no function', async () => {
    const { openai } = await simulator();
    const ask = (body: object) => openai.chat.completions.create({ model: 'base', messages: [question], ...body });
    await expect(ask({ tools: [clock], tool_choice: { type: 'function', function: { name: 'x' } } })).rejects.toThrow(
      /400 tool_choice: there is no tool named "x"/,
    );
    await expect(ask({ tools: [{ type: 'custom', custom: { name: 'x' } }] })).rejects.toThrow(/400 tools\[0\]/);
  });
});

describe('chat completions with other options', () => {
  it('give JSON that the schema allows', async () => {
    const { openai } = await simulator();
    const schema = {
      type: 'object',
      properties: { ok: { type: 'boolean' }, tags: { type: 'array', items: { enum: ['a'] } } },
    };
    const { choices } = await openai.chat.completions.create({
      model: 'base',
      messages: [question],
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
    });
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ ok: true, tags: ['a'] });
  });

  it('give several choices, streamed, too', async () => {
    const { openai } = await simulator();
    const whole = await openai.chat.completions.create({ model: 'base', messages: [question], n: 3 });
    expect(whole.choices.map(({ index }) => index)).toEqual([0, 1, 2]);
    const stream = openai.chat.completions.stream({ model: 'base', messages: [question], n: 2 });
    const { choices } = await stream.finalChatCompletion();
    expect(choices.map(({ message }) => message.content?.startsWith('[simulated by headgate]'))).toEqual([true, true]);
  });

  it('give log probabilities of every token', async () => {
    const { openai } = await simulator();
    const request = { model: 'base', messages: [question], logprobs: true, top_logprobs: 2, max_completion_tokens: 4 };
    const { choices } = await openai.chat.completions.create(request);
    const tokens = choices[0]?.logprobs?.content ?? [];
    expect(tokens.map(({ token }) => token).join('')).toBe(choices[0]?.message.content);
    expect(tokens.every(({ top_logprobs, logprob }) => top_logprobs.length === 2 && logprob < 0)).toBe(true);
    const text = await openai.completions.create({ model: 'base', prompt: 'x', max_tokens: 3, logprobs: 1 });
    expect(text.choices[0]?.logprobs?.tokens?.join('')).toBe(text.choices[0]?.text);
  });
});

describe('Responses', () => {
  it('answer in text and by calls, whole and streamed', async () => {
    const { openai } = await simulator();
    const tools = [{ type: 'function' as const, name: 'get_forecast', parameters, strict: false }];
    const said = await openai.responses.create({ model: 'base', input: 'hello', instructions: 'be brief' });
    expect(said.output_text).toContain('[simulated by headgate]');
    const called = await openai.responses.create({ model: 'base', input: 'hello', tools });
    const [call] = called.output;
    if (call?.type !== 'function_call') throw new Error('no call');
    expect(JSON.parse(call.arguments)).toEqual({ city: 'simulated', days: 2 });
    const output = { type: 'function_call_output' as const, call_id: call.call_id, output: 'rain' };
    const stream = openai.responses.stream({
      model: 'base',
      tools,
      input: [{ role: 'user', content: 'hello' }, call, output],
    });
    const final = await stream.finalResponse();
    expect(final.output_text).toContain('[simulated by headgate]');
    const streamed = await openai.responses.stream({ model: 'base', input: 'hello', tools }).finalResponse();
    expect(streamed.output[0]).toMatchObject({
      type: 'function_call',
      name: 'get_forecast',
      arguments: call.arguments,
    });
    expect(streamed.usage?.output_tokens).toBe(called.usage?.output_tokens);
  });

  it('say that nothing is stored', async () => {
    const { openai } = await simulator();
    const going = openai.responses.create({ model: 'base', input: 'on', previous_response_id: 'resp_1' });
    await expect(going).rejects.toThrow(/400 previous_response_id: this server stores nothing/);
  });
});

describe('Messages', () => {
  const tools = [{ name: 'get_forecast', input_schema: { ...parameters, type: 'object' as const } }];
  it('answer in text and by tool use, whole and streamed', async () => {
    const { anthropic } = await simulator();
    const request = { model: 'base', max_tokens: 200, messages: [question] };
    const said = await anthropic.messages.create(request);
    expect(said.content[0]).toMatchObject({ type: 'text' });
    expect(said.stop_reason).toBe('end_turn');
    const used = await anthropic.messages.create({ ...request, tools });
    expect(used.stop_reason).toBe('tool_use');
    const [use] = used.content;
    if (use?.type !== 'tool_use') throw new Error('no tool use');
    expect(use.input).toEqual({ city: 'simulated', days: 2 });
    const streamed = await anthropic.messages.stream({ ...request, tools }).finalMessage();
    expect(streamed.content[0]).toMatchObject({ type: 'tool_use', name: 'get_forecast', input: use.input });
    const result = { type: 'tool_result' as const, tool_use_id: use.id, content: 'rain' };
    const messages = [
      question,
      { role: 'assistant' as const, content: used.content },
      { role: 'user' as const, content: [result] },
    ];
    const last = await anthropic.messages.stream({ ...request, tools, messages }).finalMessage();
    expect(last.content[0]).toMatchObject({ type: 'text' });
    expect(last.usage.output_tokens).toBeGreaterThan(0);
  });

  it('count tokens, and say errors as Anthropic does', async () => {
    const { anthropic } = await simulator();
    const { input_tokens } = await anthropic.messages.countTokens({ model: 'base', messages: [question] });
    expect(input_tokens).toBeGreaterThan(3);
    await expect(
      anthropic.messages.create({ model: 'nobody', max_tokens: 5, messages: [question] }),
    ).rejects.toMatchObject({
      status: 404,
      error: { type: 'error', error: { type: 'not_found_error' } },
    });
  });
});

describe('sampleJson', () => {
  it.each([
    [{ $ref: '#/$defs/a', $defs: { a: { const: 7 } } }, 7],
    [{ anyOf: [{ type: 'null' }, { type: 'string' }] }, null],
    [{ type: 'number', exclusiveMinimum: 1, multipleOf: 5 }, 5],
    [{ type: 'integer', maximum: 0 }, 0],
    [{ type: 'string', format: 'date' }, '2000-01-01'],
    [{ type: 'array', items: { type: 'integer' }, minItems: 2 }, [1, 1]],
    [{ allOf: [{ type: 'object', properties: { a: { type: 'boolean' } } }] }, { a: true }],
    [true, {}],
  ])('of %j is %j', (schema, value) => expect(sampleJson(schema)).toEqual(value));

  it('of a schema that refers to itself ends', () => {
    const node = { type: 'object', properties: { next: { $ref: '#' }, all: { type: 'array', items: { $ref: '#' } } } };
    expect(JSON.stringify(sampleJson(node)).length).toBeLessThan(100_000);
  });
});
